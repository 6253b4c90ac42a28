namespace FeatureTransform.Cuda.Emulator;

/// <summary>When an asynchronous copy of a kernel happens.</summary>
public enum AsyncCopyTime
{
    /// <summary>As late as its wait allows, so that a missing wait shows as wrong data.</summary>
    Late,

    /// <summary>At once.</summary>
    AtOnce,
}

/// <summary>When the work of a stream is done.</summary>
public enum StreamTime
{
    /// <summary>
    /// As late as the program allows: when it synchronises, asks repeatedly, or copies in a way that blocks; and then only what
    /// it waits for. A missing wait shows as stale data, every time.
    /// </summary>
    Late,

    /// <summary>Within the call that gives it to the stream.</summary>
    AtOnce,
}

/// <summary>How kernels are executed and what is looked for.</summary>
public sealed record EmulatorOptions
{
    /// <summary>The device that is emulated.</summary>
    public DeviceProfile Device { get; init; } = DeviceProfile.H100;

    /// <summary>How many such devices there are.</summary>
    public int DeviceCount { get; init; } = 1;

    /// <summary>When the work of streams is done.</summary>
    public StreamTime Streams { get; init; }

    /// <summary>What is checked.</summary>
    public Execution.Checks Checks { get; init; } = Execution.Checks.All;

    /// <summary>0 runs blocks and warps in their order; any other number shuffles them, each number in its own way.</summary>
    public int OrderSeed { get; init; }

    /// <summary>When cp.async copies.</summary>
    public AsyncCopyTime AsyncCopies { get; init; }

    /// <summary>Threads of this computer that execute blocks. More than one gives up the fixed order of atomics.</summary>
    public int Workers { get; init; } = 1;

    /// <summary>
    /// 0 rounds the approximate instructions correctly; any other number errs within the documented bounds, as a device may.
    /// </summary>
    public int ApproximationSeed { get; init; }

    /// <summary>Whether instructions and memory traffic are counted.</summary>
    public bool Counters { get; init; }

    /// <summary>
    /// Instructions, each executed by a warp, after which a launch counts as one that does not end; 0 sets no limit. Looked at
    /// when each warp has had a turn, of some thousand jumps.
    /// </summary>
    public long InstructionLimit { get; init; } = 20_000_000_000;
}
