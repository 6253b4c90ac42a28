namespace FeatureTransform.Training.Devices;

/// <summary>The most similar rows of a bank by cosine: the same neighbours and bits on every device.</summary>
internal interface INeighborSearch : IDisposable
{
    /// <summary>Finds the k nearest rows of each query, the nearest first; of equally near ones those with the lower index.</summary>
    /// <param name="queries">N x C, finite, at most as many as the search was made for.</param>
    /// <param name="k">Neighbours, as many as the search was made for.</param>
    /// <param name="indices">Receives the bank's rows, N x k.</param>
    /// <param name="cosines">Receives their cosines, N x k.</param>
    void Search(ReadOnlySpan<float> queries, int k, Span<int> indices, Span<float> cosines);
}
