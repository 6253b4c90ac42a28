using FeatureTransform.Native;

namespace FeatureTransform.Training.Evaluation;

/// <summary>Seeded choices and orders of images: Fisher-Yates shuffles, so that a larger choice contains a smaller one.</summary>
internal static class RandomSubset
{
    // Beyond the indices of RandomUse.DataOrder that epochs and shuffle-BN use.
    private const int FirstIndexBit = 41, PurposeShift = 36;

    /// <summary>What a shuffle is for; one never shares a random number with another.</summary>
    public enum Purpose : uint
    {
        TrainingImages = 0,
        TestImages = 1,
        HeldOut = 2,
        ProbeOrder = 3,
    }

    /// <summary>All of 0..count-1 in a seeded order.</summary>
    public static int[] Shuffle(int count, ulong seed, Purpose purpose, int epoch = 0)
    {
        ulong firstIndex = (1UL << FirstIndexBit) + ((ulong)purpose << PurposeShift);
        int[] order = [.. Enumerable.Range(0, count)];
        for (int i = 0; i < count - 1; i++)
        {
            uint word = Philox.Block(seed, (uint)epoch, RandomUse.DataOrder, firstIndex + (ulong)i).X;
            int j = i + (int)(((ulong)word * (uint)(count - i)) >> 32);
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }

    /// <summary>At most <paramref name="limit"/> (0: all) of 0..count-1, ascending, as archives are read best in order.</summary>
    public static int[] Choose(int count, int limit, ulong seed, Purpose purpose)
    {
        if (limit <= 0 || limit >= count)
        {
            return [.. Enumerable.Range(0, count)];
        }

        int[] chosen = Shuffle(count, seed, purpose)[..limit];
        Array.Sort(chosen);
        return chosen;
    }
}
