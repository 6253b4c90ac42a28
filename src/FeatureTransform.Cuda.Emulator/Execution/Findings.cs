namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What the emulator looks for while a kernel runs.</summary>
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

    /// <summary>Everything.</summary>
    All = 15,
}

/// <summary>A defect, reported once for each line and kind.</summary>
public sealed record Finding
{
    /// <summary>The check that found it.</summary>
    public required Checks Check { get; init; }

    /// <summary>What it is, in a fixed word or two such as "out of bounds".</summary>
    public required string Kind { get; init; }

    /// <summary>The kernel that ran.</summary>
    public required string Kernel { get; init; }

    /// <summary>The CUDA source file, where the PTX names one.</summary>
    public string? File { get; init; }

    /// <summary>The line in it, counted from 1.</summary>
    public int Line { get; init; }

    /// <summary>Where the line was inlined, innermost first.</summary>
    public IReadOnlyList<string> InlinedFrom { get; init; } = [];

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

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Kind} in {Kernel} at {File ?? "?"}:{Line} (PTX line {PtxLine}), block ({Block.X}, {Block.Y}, {Block.Z}), "
        + $"thread ({Thread.X}, {Thread.Y}, {Thread.Z}): {Message}"
        + (InlinedFrom.Count > 0 ? $"; inlined from {string.Join(", ", InlinedFrom)}" : "") + (Count > 1 ? $"; {Count} times" : "");
}
