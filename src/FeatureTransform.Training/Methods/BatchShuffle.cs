using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Methods;

/// <summary>
/// The permutation of a batch for shuffle-BN (He et al., "Momentum Contrast", section 3.3): the keys are spread over the
/// virtual devices in another order than the queries, so that batch statistics do not give the pairs away.
/// </summary>
internal static class BatchShuffle
{
    private const ulong FirstIndex = 1UL << 40;

    /// <summary>Fills <paramref name="order"/> (length N) so that row i of the shuffled batch is row order[i] of the batch.</summary>
    public static void Fill(ulong seed, uint step, uint rank, Span<int> order) =>
        SeededShuffle.Fill(seed, step, FirstIndex, rank, order);
}
