using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>
/// A random permutation of 0..K-1 as a function j -> pi(j), never a stored array: the VariPhilox bijection of Mitchell,
/// Stokes, Frank and Holmes, "Bandwidth-optimal random shuffling for GPUs" (ACM TOPC 2022), 24 rounds over
/// ceil(log2 K) bits (at least 4), and cycle walking for K that is no power of two. Round keys are elements 0..23 of
/// <see cref="RandomUse.PermutationKeys"/>, so a permutation is a pure function of (seed, step, rank, K).
/// </summary>
public readonly struct Permutation
{
    /// <summary>Rounds of the bijection. Four are too few: displacements then differ from those of Fisher-Yates.</summary>
    public const int Rounds = 24;

    // Odd, so that the low bits of the product are a bijection of the left half.
    internal const uint Multiplier = 0xD2511F53;

    private readonly RoundKeys _keys;

    private Permutation(ulong seed, uint step, uint rank, int count)
    {
        Count = count;
        int bits = Math.Max(4, 32 - BitOperations.LeadingZeroCount((uint)(count - 1)));
        LeftBits = bits / 2;
        RightBits = bits - LeftBits;
        for (int i = 0; i < Rounds; i++)
        {
            _keys[i] = Philox.Element(seed, step, RandomUse.PermutationKeys, (ulong)i, rank);
        }
    }

    /// <summary>K, the number of permuted indices.</summary>
    public int Count { get; }

    internal int LeftBits { get; }

    internal int RightBits { get; }

    /// <summary>The 24 round keys, for another implementation of the same function.</summary>
    [UnscopedRef]
    public ReadOnlySpan<uint> Keys => _keys;

    /// <summary>pi(j).</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="index"/> is outside 0..K-1.</exception>
    public int this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count, nameof(index));
            return (int)Walk(Cipher((uint)index));
        }
    }

    /// <summary>The permutation of 0..<paramref name="count"/>-1 that belongs to a step.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Step number.</param>
    /// <param name="rank">Rank of the process, below 2^24.</param>
    /// <param name="count">K, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public static Permutation Of(ulong seed, uint step, uint rank, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        return new Permutation(seed, step, rank, count);
    }

    /// <summary>Writes pi(first), pi(first + 1), ... into <paramref name="indices"/>; eight ciphers run side by side.</summary>
    internal void Fill(int first, Span<int> indices)
    {
        int done = 0;
        for (; done + 8 <= indices.Length; done += 8)
        {
            CipherEight(first + done, indices.Slice(done, 8));
        }

        for (; done < indices.Length; done++)
        {
            indices[done] = (int)Cipher((uint)(first + done));
        }

        foreach (ref int index in indices)
        {
            index = (int)Walk((uint)index);
        }
    }

    // One round is invertible: the low product bits give back the left half, and with it the right half.
    private uint Cipher(uint value)
    {
        uint leftMask = (1u << LeftBits) - 1, rightMask = (1u << RightBits) - 1;
        uint left = value >> RightBits, right = value & rightMask;
        for (int i = 0; i < Rounds; i++)
        {
            ulong product = (ulong)Multiplier * left;
            uint low = ((uint)product << (RightBits - LeftBits)) | (right >> LeftBits & (uint)(RightBits - LeftBits));
            left = ((uint)(product >> 32) ^ _keys[i] ^ right) & leftMask;
            right = low & rightMask;
        }

        return (left << RightBits) | right;
    }

    private void CipherEight(int first, Span<int> indices)
    {
        uint leftMask = (1u << LeftBits) - 1, rightMask = (1u << RightBits) - 1;
        var value = Vector512.Create((ulong)(uint)first) + Vector512<ulong>.Indices;
        Vector512<ulong> left = value >>> RightBits, right = value & Vector512.Create((ulong)rightMask);
        var multiplier = Vector512.Create((ulong)Multiplier);
        var extraBit = Vector512.Create((ulong)(uint)(RightBits - LeftBits));
        for (int i = 0; i < Rounds; i++)
        {
            Vector512<ulong> product = multiplier * left;
            Vector512<ulong> low = (product << (RightBits - LeftBits)) | ((right >>> LeftBits) & extraBit);
            left = ((product >>> 32) ^ Vector512.Create((ulong)_keys[i]) ^ right) & Vector512.Create((ulong)leftMask);
            right = low & Vector512.Create((ulong)rightMask);
        }

        Vector512<ulong> result = (left << RightBits) | right;
        Vector512.Narrow(result, result).GetLower().AsInt32().CopyTo(indices);
    }

    // The cipher permutes a power of two; follow its cycle until it comes back below K.
    private uint Walk(uint value)
    {
        while (value >= (uint)Count)
        {
            value = Cipher(value);
        }

        return value;
    }

    [InlineArray(Rounds)]
    private struct RoundKeys
    {
        private uint _first;
    }
}
