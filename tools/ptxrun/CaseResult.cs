using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.PtxRun;

/// <summary>What became of a case.</summary>
internal sealed record CaseResult
{
    /// <summary>What the program would exit with if there were no other case.</summary>
    public required int ExitCode { get; init; }

    /// <summary>Why it was not run to its end, or null.</summary>
    public string? Error { get; init; }

    public IReadOnlyList<(string Name, byte[] Content)> Buffers { get; init; } = [];

    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>What was executed; null where nothing was.</summary>
    public KernelCounters? Counters { get; init; }

    /// <summary>The same for each line of the source.</summary>
    public IReadOnlyList<KernelCounters> LineCounters { get; init; } = [];

    public static CaseResult Failed(int exitCode, string error) => new() { ExitCode = exitCode, Error = error };
}
