namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What the emulator looks for.</summary>
[Flags]
public enum Checks
{
    /// <summary>Nothing beyond what a device itself refuses.</summary>
    None = 0,

    /// <summary>Bounds, alignment and lifetime of every access.</summary>
    Memory = 1,

    /// <summary>Reads of bytes never written.</summary>
    Initialization = 2,

    /// <summary>Accesses to the same bytes without an order between them.</summary>
    Races = 4,

    /// <summary>Barriers and membermasks.</summary>
    Synchronization = 8,

    /// <summary>Use of the driver's functions by the host.</summary>
    Host = 16,

    /// <summary>Everything.</summary>
    All = 31,
}

/// <summary>A defect of a kernel, reported once for each line and kind, or of the host's use of the driver.</summary>
public sealed record Finding
{
    /// <summary>The check that found it.</summary>
    public required Checks Check { get; init; }

    /// <summary>What it is, in a fixed word or two such as "out of bounds".</summary>
    public required string Kind { get; init; }

    /// <summary>The kernel that ran; empty for a defect of the host.</summary>
    public string Kernel { get; init; } = "";

    /// <summary>The driver's function that the host called; empty for a defect of a kernel.</summary>
    public string Call { get; init; } = "";

    /// <summary>The CUDA source file, where the PTX names one.</summary>
    public string? File { get; init; }

    /// <summary>The line in it, counted from 1.</summary>
    public int Line { get; init; }

    /// <summary>Where the line was inlined, innermost first; behind them other places where the same happened.</summary>
    public IReadOnlyList<string> InlinedFrom { get; set; } = [];

    /// <summary>The line of the PTX text.</summary>
    public int PtxLine { get; init; }

    /// <summary>Block index of the first occurrence.</summary>
    public Dim3 Block { get; init; }

    /// <summary>Thread index of the first occurrence.</summary>
    public Dim3 Thread { get; init; }

    /// <summary>The address, or 0.</summary>
    public ulong Address { get; init; }

    /// <summary>The whole story of the first occurrence.</summary>
    public required string Message { get; init; }

    /// <summary>How often it happened.</summary>
    public long Count { get; set; } = 1;

    /// <summary>Counts another of the same line and kind.</summary>
    internal void Add(Finding other)
    {
        Count += other.Count;
        if (!ReferenceEquals(InlinedFrom, other.InlinedFrom) && other.InlinedFrom.Except(InlinedFrom).ToArray() is { Length: > 0 } more)
        {
            InlinedFrom = [.. InlinedFrom, .. more];
        }
    }

    /// <inheritdoc/>
    public override string ToString() => Call.Length > 0
        ? $"{Kind} in {Call}: {Message}" + (Count > 1 ? $"; {Count} times" : "")
        : $"{Kind} in {Kernel} at {File ?? "?"}:{Line} (PTX line {PtxLine}), block ({Block.X}, {Block.Y}, {Block.Z}), "
        + $"thread ({Thread.X}, {Thread.Y}, {Thread.Z}): {Message}"
        + (InlinedFrom.Count > 0 ? $"; inlined from {string.Join(", ", InlinedFrom)}" : "")
            + (Count > 1 ? $"; {Count} times" : "");
}
