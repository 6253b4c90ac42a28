using System.Runtime.CompilerServices;

namespace FeatureTransform.Native;

/// <summary>What a random number is for; part of the counter, so that no two uses ever share a number.</summary>
public enum RandomUse : uint
{
    /// <summary>lambda of the positive transformation.</summary>
    PositiveLambda = 0,

    /// <summary>lambda of the negative transformation.</summary>
    NegativeLambda = 1,

    /// <summary>Round keys of the queue permutation.</summary>
    PermutationKeys = 2,

    /// <summary>Initial parameters and initial queue rows.</summary>
    Initialization = 3,

    /// <summary>Augmentation parameters.</summary>
    Augmentation = 4,

    /// <summary>Order of the images of an epoch, and the batch permutation of shuffle-BN.</summary>
    DataOrder = 5,

    /// <summary>Images of a synthetic set, and which images a limited training set keeps.</summary>
    ImageSet = 6,
}

/// <summary>Four 32-bit words, the output of one Philox block.</summary>
public readonly record struct PhiloxBlock(uint X, uint Y, uint Z, uint W)
{
    /// <summary>Word <paramref name="index"/> &amp; 3.</summary>
    public uint this[int index] => (index & 3) switch { 0 => X, 1 => Y, 2 => Z, _ => W };
}

/// <summary>
/// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3" (SC 2011). A number is a pure function of (seed, step, stream, rank, index): there is no state to save,
/// and any thread or device can draw any number in any order.
/// </summary>
public static class Philox
{
    internal const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    internal const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    internal const int Rounds = 10;

    /// <summary>The block at counter (c0, c1, c2, c3) under key (k0, k1).</summary>
    public static PhiloxBlock Block(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0;
            ulong product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return new PhiloxBlock(c0, c1, c2, c3);
    }

    /// <summary>
    /// The block of the project's counter layout: key = seed, counter = (index low, index high, step, stream | rank &lt;&lt; 8).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static PhiloxBlock Block(ulong seed, uint step, RandomUse stream, ulong index, uint rank = 0) =>
        Block((uint)index, (uint)(index >> 32), step, (uint)stream | (rank << 8), (uint)seed, (uint)(seed >> 32));

    /// <summary>Word of element <paramref name="element"/>: word (element &amp; 3) of the block at index element &gt;&gt; 2.</summary>
    public static uint Element(ulong seed, uint step, RandomUse stream, ulong element, uint rank = 0) =>
        Block(seed, step, stream, element >> 2, rank)[(int)(element & 3)];
}
