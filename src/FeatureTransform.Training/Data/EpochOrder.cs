namespace FeatureTransform.Training.Data;

/// <summary>The order of the images of an epoch.</summary>
internal static class EpochOrder
{
    /// <summary>Fills <paramref name="order"/> (one element an image) with the permutation of (seed, epoch).</summary>
    public static void Fill(ulong seed, int epoch, Span<int> order) =>
        SeededShuffle.Fill(seed, (uint)epoch, firstIndex: 0, rank: 0, order);
}
