using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Native;

/// <summary>
/// Beta draws with AVX-512. Words stay in the low halves of 64-bit lanes, where the multiplication finds them. Gathers are
/// slow on many processors: the table's upper 96 rows (63 of 64 draws for 16 rows an octave) are looked up by permutes of
/// registers, the rest one by one behind the loop, where the branches that cannot be predicted stop nothing else.
/// </summary>
internal static unsafe class BetaDraws512
{
    private const int Words = 32, Chunk = 8 * Words;

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Fill(in PhiloxCounter counter, BetaQuantile quantile, float[] columns, float* target, int count)
    {
        // Counters lie in the order that interleaving undoes.
        Vector512<ulong> order = Vector512.Create(0UL, 4, 1, 5, 2, 6, 3, 7);
        fixed (float* table = columns)
        {
            var lookup = new Lookup(quantile, table, columns.Length / 4);
            uint* words = stackalloc uint[Chunk], rare = stackalloc uint[Chunk / Words];
            for (int first = 0; first < count; first += Chunk, target += Chunk)
            {
                int blocks = (Math.Min(Chunk, count - first) + Words - 1) / Words;
                Vector512<ulong> index = Vector512.Create(counter.Index + ((ulong)first / 4)) + order;
                for (int i = 0; i < blocks; i++)
                {
                    (Vector512<uint> lower, Vector512<uint> upper) = Blocks(counter, index);
                    index += Vector512.Create(Words / 4UL);
                    lower.Store(words + (i * Words));
                    upper.Store(words + (i * Words) + 16);
                    rare[i] = lookup.Evaluate(lower, target + (i * Words)) | (lookup.Evaluate(upper, target + (i * Words) + 16) << 16);
                }

                OneByOne(quantile, words, rare, blocks, target);
            }
        }
    }

    // Ten rounds for eight counters, and their words in order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> Lower, Vector512<uint> Upper) Blocks(in PhiloxCounter counter, Vector512<ulong> index)
    {
        Vector512<ulong> c0 = index, c1 = index >>> 32;
        Vector512<ulong> c2 = Vector512.Create((ulong)counter.Step), c3 = Vector512.Create((ulong)counter.Stream);
        Vector512<uint> m0 = Vector512.Create(Philox.Multiplier0), m1 = Vector512.Create(Philox.Multiplier1);
        uint k0 = (uint)counter.Seed, k1 = (uint)(counter.Seed >> 32);
        for (int round = 0; round < Philox.Rounds; round++)
        {
            Vector512<ulong> product0 = Avx512F.Multiply(c0.AsUInt32(), m0), product1 = Avx512F.Multiply(c2.AsUInt32(), m1);
            c0 = (product1 >>> 32) ^ c1 ^ Vector512.Create((ulong)k0);
            c2 = (product0 >>> 32) ^ c3 ^ Vector512.Create((ulong)k1);
            c1 = product1;
            c3 = product0;
            k0 += Philox.Weyl0;
            k1 += Philox.Weyl1;
        }

        var low = Vector512.Create(0xffffffffUL);
        Vector512<ulong> xy = (c0 & low) | (c1 << 32), zw = (c2 & low) | (c3 << 32);
        return (Avx512F.UnpackLow(xy, zw).AsUInt32(), Avx512F.UnpackHigh(xy, zw).AsUInt32());
    }

    private static void OneByOne(BetaQuantile quantile, uint* words, uint* rare, int blocks, float* target)
    {
        for (int i = 0; i < blocks; i++)
        {
            for (uint lanes = rare[i]; lanes != 0; lanes &= lanes - 1)
            {
                int element = (i * Words) + BitOperations.TrailingZeroCount(lanes);
                target[element] = quantile.Evaluate(words[element]);
            }
        }
    }

    private readonly struct Lookup
    {
        private readonly float* table;
        private readonly int rows, shift, firstRow, top;

        public Lookup(BetaQuantile quantile, float* table, int rows)
        {
            this.table = table;
            this.rows = rows;
            (shift, firstRow) = (quantile.MantissaShift, quantile.FirstRow);
            top = rows - (1 << quantile.RowBits); // rows of fractions below 1/2
        }

        // The arithmetic of BetaQuantile.Evaluate, lane by lane. Returns the lanes whose rows lie below the groups.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public uint Evaluate(Vector512<uint> words, float* target)
        {
            Vector512<float> f = Vector512.ConvertToSingle((words & Vector512.Create(0x7fffffffu)).AsInt32());
            f = Vector512.MinNative(
                (f + Vector512.Create(0.5f)) * BetaQuantile.WordScale, Vector512.Create(BetaQuantile.LargestFraction));
            Vector512<int> bits = f.AsInt32();
            Vector512<float> t = Vector512.ConvertToSingle(bits & Vector512.Create((1 << shift) - 1)) * (1f / (1 << shift));
            Vector512<int> row = (bits >> shift) - Vector512.Create(firstRow);
            Vector512<int> second = Vector512.LessThan(row, Vector512.Create(top - 32));
            Vector512<int> third = Vector512.LessThan(row, Vector512.Create(top - 64));
            Vector512<float> x = Coefficient(3, row, second, third);
            x = Vector512.FusedMultiplyAdd(x, t, Coefficient(2, row, second, third));
            x = Vector512.FusedMultiplyAdd(x, t, Coefficient(1, row, second, third));
            x = Vector512.FusedMultiplyAdd(x, t, Coefficient(0, row, second, third));
            Vector512.ConditionalSelect((words.AsInt32() >> 31).AsSingle(), Vector512<float>.One - x, x).Store(target);
            return (uint)Vector512.LessThan(row, Vector512.Create(top - 96)).ExtractMostSignificantBits();
        }

        // Rows of a group are its last five bits, as groups begin at multiples of 32.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Coefficient(int power, Vector512<int> row, Vector512<int> second, Vector512<int> third)
        {
            float* last = table + (power * rows) + top - 32;
            Vector512<float> x = Group(last, row);
            x = Vector512.ConditionalSelect(second.AsSingle(), Group(last - 32, row), x);
            return Vector512.ConditionalSelect(third.AsSingle(), Group(last - 64, row), x);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Group(float* group, Vector512<int> row) =>
            Avx512F.PermuteVar16x32x2(Vector512.Load(group), row, Vector512.Load(group + 16));
    }
}
