using FeatureTransform.Native;

namespace FeatureTransform.Training.Methods;

/// <summary>
/// The permutation of a batch for shuffle-BN (He et al., "Momentum Contrast", section 3.3): the keys are spread over the
/// virtual devices in another order than the queries, so that batch statistics do not give the pairs away.
/// A Fisher-Yates shuffle whose words are those of <see cref="RandomUse.DataOrder"/> at the step, beyond the indices that
/// the order of an epoch uses.
/// </summary>
internal static class BatchShuffle
{
    private const ulong FirstIndex = 1UL << 40;

    /// <summary>Fills <paramref name="order"/> (length N) so that row i of the shuffled batch is row order[i] of the batch.</summary>
    public static void Fill(ulong seed, uint step, uint rank, Span<int> order)
    {
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        for (int i = order.Length - 1; i > 0; i--)
        {
            uint word = Philox.Block(seed, step, RandomUse.DataOrder, FirstIndex + (ulong)i, rank).X;
            int j = (int)(((ulong)word * (uint)(i + 1)) >> 32);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }
}
