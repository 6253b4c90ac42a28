using System.Collections.Concurrent;
using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Executes PTX instruction by instruction.</summary>
internal sealed class Interpreter(EmulatorOptions options) : IExecutor
{
    private readonly ConcurrentDictionary<string, KernelCounters> counters = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, KernelCounters> Counters => new Dictionary<string, KernelCounters>(counters);

    public IExecutableModule Load(string text, EmulatedMemory memory) =>
        new Module(this, DecodedModule.Load(text, memory, options.Device), options);

    private void Count(string kernel, KernelCounters launch) =>
        counters.AddOrUpdate(kernel, launch, (_, earlier) => earlier.Plus(launch));

    private sealed class Module(Interpreter owner, DecodedModule module, EmulatorOptions options) : IExecutableModule
    {
        public string Target => module.Source.Target;

        public KernelSignature? FindKernel(string name) =>
            module.Find(name) is { Source.IsEntry: true } function
                ? KernelSignature.Of(function.Source) with
                {
                    StaticSharedBytes = function.SharedBytes,
                    LocalBytes = function.LocalBytes,
                }
                : null;

        public Region? FindVariable(string name) => module.Global(name);

        public void Run(KernelLaunch launch, Action<Finding> report, Action<string>? output)
        {
            DecodedFunction kernel = module.Kernel(launch.Kernel.Name);
            using Region parameters = Parameters(launch.Parameters);
            var context = new LaunchContext(module, kernel, module.Memory, options)
            {
                Grid = launch.Grid,
                Block = launch.Block,
                Cluster = launch.Cluster,
                DynamicShared = launch.DynamicSharedBytes,
                Parameters = parameters,
                Output = output,
            };
            OperationCounts[] counts = new Scheduler(context).Run();
            if (options.Counters)
            {
                owner.Count(kernel.Name, KernelCounters.From(module, counts).Total);
            }
            foreach (Finding finding in context.Findings.OrderBy(f => f.PtxLine).ThenBy(f => f.Kind, StringComparer.Ordinal))
            {
                report(finding);
            }
            if (context.Failure is { } fault)
            {
                throw fault;
            }
        }

        public void Dispose() => module.Dispose();

        private static unsafe Region Parameters(byte[] bytes)
        {
            var region = new Region("kernel parameters", 0, (ulong)bytes.Length);
            bytes.CopyTo(new Span<byte>(region.Data, bytes.Length));
            region.MarkWritten(0, region.Size);
            region.IsReadOnly = true;
            return region;
        }
    }
}
