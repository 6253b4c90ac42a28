using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>One launch of a kernel: what all its blocks share.</summary>
internal sealed class LaunchContext(DecodedModule module, DecodedFunction kernel, EmulatedMemory memory, EmulatorOptions options)
{
    private const int MostFaults = 1000;
    private static int launches;
    private readonly Lock gate = new();
    private readonly Dictionary<(string, string?, int), Finding> findings = [];
    private int faults;

    public DecodedModule Module { get; } = module;

    public DecodedFunction Kernel { get; } = kernel;

    public EmulatedMemory Memory { get; } = memory;

    public EmulatorOptions Options { get; } = options;

    /// <summary>Counts the launches of the process.</summary>
    public int Number { get; } = NextNumber();

    /// <summary>A number that no launch and no block has had.</summary>
    public static int NextNumber() => Interlocked.Increment(ref launches);

    /// <summary>What orders the blocks.</summary>
    public GlobalOrder Order { get; } = new();

    public Dim3 Grid { get; init; } = new(1);

    public Dim3 Block { get; init; } = new(1);

    public Dim3 Cluster { get; init; } = new(1);

    public uint DynamicShared { get; init; }

    public required Region Parameters { get; init; }

    /// <summary>Gets what printf writes.</summary>
    public Action<string>? Output { get; init; }

    public int ThreadCount => (int)(Block.X * Block.Y * Block.Z);

    /// <summary>Where the shared memory begins whose size the launch decides.</summary>
    public uint DynamicSharedOffset => (uint)(Kernel.SharedBytes + 15) & ~15u;

    public ulong SharedBytes => DynamicShared > 0 ? DynamicSharedOffset + (ulong)DynamicShared : (ulong)Kernel.SharedBytes;

    /// <summary>Whether blocks run on several cores.</summary>
    public bool HasWorkers { get; } = options.Workers > 1;

    /// <summary>The first fault, if there was one.</summary>
    public KernelFault? Failure { get; private set; }

    public IReadOnlyCollection<Finding> Findings => findings.Values;

    /// <summary>Notes a fault; the launch goes on to find more, within reason.</summary>
    public void Fail(KernelFaultKind kind, string message)
    {
        lock (gate)
        {
            Failure ??= new KernelFault(kind, message);
            if (++faults > MostFaults)
            {
                throw Failure;
            }
        }
    }

    /// <summary>Ends the launch.</summary>
    public void Stop(KernelFault fault)
    {
        lock (gate)
        {
            Failure ??= fault;
            IsStopped = true;
        }
    }

    public bool IsStopped { get; private set; }

    public void Add(Finding finding)
    {
        // Unrolled and inlined code has one source line in many lines of PTX.
        (string, string?, int) key = (finding.Kind, finding.File, finding.Line > 0 ? finding.Line : finding.PtxLine);
        lock (gate)
        {
            if (findings.TryGetValue(key, out Finding? earlier))
            {
                earlier.Add(finding);
            }
            else
            {
                findings.Add(key, finding);
            }
        }
    }
}
