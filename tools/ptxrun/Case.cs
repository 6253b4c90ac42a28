using FeatureTransform.Cuda;

namespace FeatureTransform.PtxRun;

/// <summary>One launch, as a case file says it; paths are full, contents are read.</summary>
internal sealed record Case
{
    /// <summary>The PTX file, or null where there is a source.</summary>
    public string? Ptx { get; init; }

    /// <summary>The CUDA C++ file, or null where there is PTX.</summary>
    public string? Source { get; init; }

    public required string Kernel { get; init; }

    public required Dim3 Grid { get; init; }

    public required Dim3 Block { get; init; }

    public required Dim3 Cluster { get; init; }

    public required int DynamicSharedBytes { get; init; }

    public required IReadOnlyList<CaseArgument> Arguments { get; init; }
}

/// <summary>What a parameter of the kernel is given.</summary>
internal abstract record CaseArgument;

/// <summary>The address of a buffer of its own.</summary>
/// <param name="Name">The buffer's name in the result.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Content">What it holds at first; null: never written.</param>
/// <param name="IsOutput">Whether it is in the result even where the kernel leaves it as it was.</param>
internal sealed record BufferArgument(string Name, int Bytes, byte[]? Content, bool IsOutput) : CaseArgument;

/// <summary>A value.</summary>
/// <param name="Type">How the case names its type.</param>
/// <param name="Content">Its bytes.</param>
internal sealed record ValueArgument(string Type, byte[] Content) : CaseArgument;
