using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// mma of floating-point types as tensor cores compute it: for each block of products, c and the exact products are aligned to the
/// largest exponent among them, cut off toward zero at a fixed number of fraction bits (Target), added exactly, and the sum is
/// rounded toward zero to fp32. Blocks (of Immediate products) follow each other. Two rows of 8 columns are computed at a time.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>An exponent so small that a zero never is the largest.</summary>
    private const int Nothing = -100_000;

    public static void Multiply(Warp w, Op* op)
    {
        if (w.Mask != ~0u)
        {
            w.Block.Report(w, op, Checks.Synchronization, "warp not whole", w.Mask, 0, $"only the lanes 0x{w.Mask:x8} execute it");
            return;
        }
        byte* r = w.R;
        int results = (op->Form & 1) != 0 ? 2 : 4, k = op->Size, aCount = k * (((PtxType)op->Mode).Bits() / 8) / 8, bCount = aCount / 2;
        uint** registers = stackalloc uint*[20];
        for (int i = 0; i < op->ListLength; i++)
        {
            registers[i] = (uint*)(r + op->List[i]);
        }
        Multiply(op, registers, registers + results, registers + results + aCount, registers + results + aCount + bCount);
    }

    /// <summary>One m16n8 product on fragments given by their registers.</summary>
    public static void Multiply(Op* op, uint** d, uint** a, uint** b, uint** c)
    {
        int k = op->Size;
        int* aMantissa = stackalloc int[16 * 16], aExponent = stackalloc int[16 * 16];
        int* bMantissa = stackalloc int[16 * 16], bExponent = stackalloc int[16 * 16]; // each row of 8 twice
        bool special = MatrixFragments.UnpackA((PtxType)op->Mode, k, a, aMantissa, aExponent, Nothing);
        special |= MatrixFragments.UnpackB((PtxType)op->Mode, k, b, bMantissa, bExponent, Nothing);
        float* sums = stackalloc float[16 * 8];
        bool half = (op->Form & 1) != 0;
        special |= half ? MatrixFragments.UnpackHalfC(c, sums) : MatrixFragments.UnpackC(c, sums);
        if (special || half)
        {
            MatrixExact.Multiply(op, a, b, sums, half);
        }
        else
        {
            bool tiny = false;
            for (int row = 0; row < 16; row += 2)
            {
                tiny |= TwoRows(op, k, row, aMantissa, aExponent, bMantissa, bExponent, sums);
            }
            if (tiny)
            {
                // Results below the normal numbers of fp32 are rare; the scalar way rounds them.
                MatrixFragments.UnpackC(c, sums);
                MatrixExact.Multiply(op, a, b, sums, half);
            }
        }
        if (half)
        {
            MatrixFragments.PackHalfD(sums, d);
        }
        else
        {
            MatrixFragments.PackD(sums, d);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool TwoRows(Op* op, int k, int row, int* aMantissa, int* aExponent, int* bMantissa, int* bExponent, float* sums)
    {
        int fraction = op->Target, block = (int)op->Immediate;
        // Products have 14 fraction bits for bf16 and 20 for fp16 and tf32.
        int lift = fraction - ((PtxType)op->Mode == PtxType.BF16 ? 14 : 20);
        Vector512<float> c = Vector512.Load(sums + 8 * row);
        Vector512<int>* exponents = stackalloc Vector512<int>[16];
        bool tiny = false;
        for (int start = 0; start < k; start += block)
        {
            int end = Math.Min(start + block, k);
            Vector512<uint> bits = c.AsUInt32();
            Vector512<int> field = (bits >> 23 & Vector512.Create(0xFFu)).AsInt32();
            Vector512<int> exponentC = Vector512.Max(field, Vector512<int>.One) - Vector512.Create(127);
            Vector512<int> hidden = ~Vector512.Equals(field, Vector512<int>.Zero) & Vector512.Create(0x800000);
            Vector512<int> mantissaC = (bits & Vector512.Create(0x7FFFFFu)).AsInt32() | hidden;
            Vector512<int> largest = exponentC;
            for (int i = start; i < end; i++)
            {
                Vector512<int> exponent = Pair(aExponent, row, i) + Vector512.Load(bExponent + 16 * i);
                exponents[i] = exponent;
                largest = Vector512.Max(largest, exponent);
            }
            Vector512<int> sum = Signed(
                Shifts.Right((mantissaC << (fraction - 23)).AsUInt32(), (largest - exponentC).AsUInt32()).AsInt32(), bits.AsInt32() >> 31);
            Vector512<int> second = Vector512<int>.Zero; // sixteen addends of 27 bits would not fit 32
            for (int i = start; i < end; i++)
            {
                Vector512<int> product = Pair(aMantissa, row, i) * Vector512.Load(bMantissa + 16 * i);
                Vector512<int> sign = product >> 31;
                Vector512<uint> magnitude = Signed(product, sign).AsUInt32() << lift;
                Vector512<int> aligned = Signed(Shifts.Right(magnitude, (largest - exponents[i]).AsUInt32()).AsInt32(), sign);
                if ((i & 8) == 0)
                {
                    sum += aligned;
                }
                else
                {
                    second += aligned;
                }
            }
            (Vector512<long> lowSum, Vector512<long> highSum) = Vector512.Widen(sum);
            (Vector512<long> lowSecond, Vector512<long> highSecond) = Vector512.Widen(second);
            (Vector512<long> lowExponent, Vector512<long> highExponent) = Vector512.Widen(largest - Vector512.Create(fraction));
            Vector512<double> low = Scale(lowSum + lowSecond, lowExponent), high = Scale(highSum + highSecond, highExponent);
            tiny |= IsTiny(low) || IsTiny(high);
            c = Vector512.Narrow(Cut(low), Cut(high));
        }
        c.Store(sums + 8 * row);
        return tiny;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair(int* values, int row, int k) =>
        Vector512.Create(Vector256.Create(values[16 * row + k]), Vector256.Create(values[16 * row + 16 + k]));

    // x where sign is 0, -x where it is all ones; its own inverse.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Signed(Vector512<int> x, Vector512<int> sign) => (x ^ sign) - sign;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Scale(Vector512<long> value, Vector512<long> exponent) =>
        Vector512.ConvertToDouble(value) * (exponent + Vector512.Create(1023L) << 52).AsDouble();

    // Toward zero to 24 bits; what is too large becomes infinite in the conversion.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Cut(Vector512<double> x) => (x.AsUInt64() & Vector512.Create(~((1ul << 29) - 1))).AsDouble();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsTiny(Vector512<double> x) =>
        Vector512.LessThanAny(Vector512.Abs(x), Vector512.Create(1.1754943508222875e-38))
        && (Vector512.LessThan(Vector512.Abs(x), Vector512.Create(1.1754943508222875e-38)) & ~Vector512.Equals(x, Vector512<double>.Zero)).ExtractMostSignificantBits() != 0;
}
