using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Native;

/// <summary>Beta draws with AVX2: words in the low halves of 64-bit lanes, coefficients by gathers.</summary>
internal static unsafe class BetaDraws256
{
    private const int Words = 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(in PhiloxCounter counter, BetaQuantile quantile, float* target, int count)
    {
        // Counters lie in the order that interleaving undoes.
        Vector256<ulong> order = Vector256.Create(0UL, 2, 1, 3);
        fixed (float* table = quantile.Table)
        {
            for (int i = 0; i < count; i += Words)
            {
                (Vector256<uint> lower, Vector256<uint> upper) = Blocks(counter, Vector256.Create(counter.Index + ((ulong)i / 4)) + order);
                Evaluate(quantile, table, lower).Store(target + i);
                Evaluate(quantile, table, upper).Store(target + i + 8);
            }
        }
    }

    // Ten rounds for four counters, and their words in order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint> Lower, Vector256<uint> Upper) Blocks(in PhiloxCounter counter, Vector256<ulong> index)
    {
        Vector256<ulong> c0 = index, c1 = index >>> 32;
        Vector256<ulong> c2 = Vector256.Create((ulong)counter.Step), c3 = Vector256.Create((ulong)counter.Stream);
        Vector256<uint> m0 = Vector256.Create(Philox.Multiplier0), m1 = Vector256.Create(Philox.Multiplier1);
        uint k0 = (uint)counter.Seed, k1 = (uint)(counter.Seed >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            Vector256<ulong> product0 = Avx2.Multiply(c0.AsUInt32(), m0), product1 = Avx2.Multiply(c2.AsUInt32(), m1);
            c0 = (product1 >>> 32) ^ c1 ^ Vector256.Create((ulong)k0);
            c2 = (product0 >>> 32) ^ c3 ^ Vector256.Create((ulong)k1);
            c1 = product1;
            c3 = product0;
            k0 += Philox.Weyl0;
            k1 += Philox.Weyl1;
        }

        var low = Vector256.Create(0xffffffffUL);
        Vector256<ulong> xy = (c0 & low) | (c1 << 32), zw = (c2 & low) | (c3 << 32);
        return (Avx2.UnpackLow(xy, zw).AsUInt32(), Avx2.UnpackHigh(xy, zw).AsUInt32());
    }

    // The arithmetic of BetaQuantile.Evaluate, lane by lane.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Evaluate(BetaQuantile quantile, float* table, Vector256<uint> words)
    {
        Vector256<float> f = Vector256.ConvertToSingle((words & Vector256.Create(0x7fffffffu)).AsInt32());
        f = Vector256.MinNative(
            (f + Vector256.Create(0.5f)) * BetaQuantile.WordScale, Vector256.Create(BetaQuantile.LargestFraction));
        Vector256<int> bits = f.AsInt32();
        int shift = quantile.MantissaShift;
        Vector256<float> t = Vector256.ConvertToSingle(bits & Vector256.Create((1 << shift) - 1)) * (1f / (1 << shift));
        Vector256<int> first = ((bits >> shift) - Vector256.Create(quantile.FirstRow)) << 2;
        Vector256<float> x = Avx2.GatherVector256(table + 3, first, 4);
        x = Vector256.FusedMultiplyAdd(x, t, Avx2.GatherVector256(table + 2, first, 4));
        x = Vector256.FusedMultiplyAdd(x, t, Avx2.GatherVector256(table + 1, first, 4));
        x = Vector256.FusedMultiplyAdd(x, t, Avx2.GatherVector256(table, first, 4));
        return Vector256.ConditionalSelect((words.AsInt32() >> 31).AsSingle(), Vector256<float>.One - x, x);
    }
}
