namespace FeatureTransform.Benchmarks;

/// <summary>A size of the contrastive pass. The benchmarks time those of <see cref="All"/>; the tests check them against fp64.</summary>
/// <param name="N">Queries.</param>
/// <param name="K">Rows of the queue.</param>
/// <param name="C">Channels.</param>
public readonly record struct PassShape(int N, int K, int C)
{
    /// <summary>Small images' queue and the paper's, the paper's batch and a large one, a narrow and a wide embedding.</summary>
    public static IReadOnlyList<PassShape> All { get; } =
        [new(256, 4096, 128), new(256, 65536, 128), new(1024, 65536, 128), new(256, 16384, 64), new(256, 16384, 512)];

    /// <inheritdoc/>
    public override string ToString() => $"{N} x {K} x {C}";
}
