using FeatureTransform.Native;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Fisher-Yates shuffles whose words are those of <see cref="RandomUse.DataOrder"/>. The indices of the words below 2^40 belong
/// to the order of an epoch, those from there on to the permutation of a batch.
/// </summary>
internal static class SeededShuffle
{
    /// <summary>Fills <paramref name="order"/> with a permutation of 0..length-1.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Step of the counter.</param>
    /// <param name="firstIndex">Index of the first word.</param>
    /// <param name="rank">Rank of the process.</param>
    /// <param name="order">The permutation.</param>
    public static void Fill(ulong seed, uint step, ulong firstIndex, uint rank, Span<int> order)
    {
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        for (int i = order.Length - 1; i > 0; i--)
        {
            uint word = Philox.Block(seed, step, RandomUse.DataOrder, firstIndex + (ulong)i, rank).X;
            int j = (int)(((ulong)word * (uint)(i + 1)) >> 32);
            (order[i], order[j]) = (order[j], order[i]);
        }
    }
}
