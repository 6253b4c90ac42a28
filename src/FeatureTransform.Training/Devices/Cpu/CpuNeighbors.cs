using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>The search in host memory.</summary>
/// <param name="bank">M x C, finite.</param>
/// <param name="c">C, channels.</param>
/// <param name="threads">Threads; 0: one a core.</param>
internal sealed class CpuNeighbors(ReadOnlySpan<float> bank, int c, int threads) : INeighborSearch
{
    private readonly NearestNeighbors search = new(bank, c, threads);

    public void Search(ReadOnlySpan<float> queries, int k, Span<int> indices, Span<float> cosines) =>
        search.Search(queries, k, indices, cosines);

    public void Dispose() => search.Dispose();
}
