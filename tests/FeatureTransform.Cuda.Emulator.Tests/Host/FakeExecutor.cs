using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Reads PTX, but runs a method of the test in place of each kernel, so that the host's side is tested alone.</summary>
internal sealed class FakeExecutor : IExecutor
{
    /// <summary>What a kernel does, by its name; one without does nothing.</summary>
    public Dictionary<string, Action<KernelLaunch, EmulatedMemory>> Bodies { get; } = [];

    /// <summary>Launches that were run, in order.</summary>
    public List<KernelLaunch> Ran { get; } = [];

    /// <summary>Static shared bytes of every kernel.</summary>
    public int StaticSharedBytes { get; set; }

    /// <summary>Registers a thread of every kernel.</summary>
    public int Registers { get; set; }

    public IExecutableModule Load(string text, EmulatedMemory memory) => new Module(this, PtxParser.Parse(text), memory);

    private sealed class Module : IExecutableModule
    {
        private readonly FakeExecutor executor;
        private readonly PtxModule source;
        private readonly EmulatedMemory memory;
        private readonly Dictionary<string, Region> variables = [];

        public Module(FakeExecutor executor, PtxModule source, EmulatedMemory memory)
        {
            (this.executor, this.source, this.memory) = (executor, source, memory);
            foreach (PtxVariable variable in source.Variables.Values.Where(v => v.Space == StateSpace.Global))
            {
                variables.Add(variable.Name, memory.Allocate((ulong)variable.Size, variable.Name));
            }
        }

        public string Target => source.Target;

        public KernelSignature? FindKernel(string name) =>
            source.Functions.TryGetValue(name, out PtxFunction? function) && function.IsEntry
                ? KernelSignature.Of(function) with
                {
                    StaticSharedBytes = executor.StaticSharedBytes,
                    Registers = executor.Registers,
                }
                : null;

        public Region? FindVariable(string name) => variables.GetValueOrDefault(name);

        public void Run(KernelLaunch launch, Action<Finding> report, Action<string>? output)
        {
            executor.Ran.Add(launch);
            executor.Bodies.GetValueOrDefault(launch.Kernel.Name)?.Invoke(launch, memory);
        }

        public void Dispose()
        {
            foreach (Region variable in variables.Values)
            {
                memory.Free(variable);
            }
        }
    }
}
