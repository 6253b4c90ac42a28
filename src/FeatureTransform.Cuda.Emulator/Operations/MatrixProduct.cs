using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// mma of floating-point types as tensor cores compute it: for each block of products, c and the exact products are aligned to the
/// largest exponent among them, cut off toward zero at a fixed number of fraction bits (Target), added exactly, and the sum is
/// rounded toward zero to fp32. Blocks (of Immediate products) follow each other. The rows g and g + 8 are computed together, in
/// the order in which the four accumulators of their lanes lie: columns 0 2 4 6 1 3 5 7.
/// </summary>
internal static unsafe class MatrixProduct
{
    /// <summary>An exponent so small that a zero never is the largest.</summary>
    private const int Nothing = -100_000;

    [SkipLocalsInit]
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
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(Op* op, uint** d, uint** a, uint** b, uint** c)
    {
        bool half = (op->Form & 1) != 0;
        if (half || !Fast(op, d, a, b, c))
        {
            float* sums = stackalloc float[16 * 8];
            if (half)
            {
                MatrixFragments.UnpackHalfC(c, sums);
            }
            else
            {
                MatrixFragments.UnpackC(c, sums);
            }
            MatrixExact.Multiply(op, a, b, sums, half);
            if (half)
            {
                MatrixFragments.PackHalfD(sums, d);
            }
            else
            {
                MatrixFragments.PackD(sums, d);
            }
        }
    }

    /// <summary>By vectors. False, and nothing written, where infinities, NaNs or subnormal results are involved.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Fast(Op* op, uint** d, uint** a, uint** b, uint** c)
    {
        var type = (PtxType)op->Mode;
        int per = type == PtxType.TF32 ? 1 : 2, fraction = op->Target;
        int quads = op->Size / (4 * per), quadsOfBlock = Math.Max(1, (int)op->Immediate / (4 * per));
        // Products have 14 fraction bits for bf16 and 20 for fp16 and tf32; A brings the difference to those that are kept.
        int lift = fraction - (type == PtxType.BF16 ? 14 : 20);
        // By quad of columns, half, and lane: A of rows g and g + 8, B by row and column.
        int* aMantissa = stackalloc int[4 * 2 * 32], aExponent = stackalloc int[4 * 2 * 32];
        int* bMantissa = stackalloc int[2 * 2 * 4 * 16], bExponent = stackalloc int[2 * 2 * 4 * 16];
        Vector512<int> special = Vector512<int>.Zero;
        for (int register = 0; register < 2 * quads; register++)
        {
            for (int part = 0; part < per; part++)
            {
                for (int i = 0; i < 32; i += 16)
                {
                    int at = (register * 2 + part) * 32 + i;
                    special |= MatrixFragments.Split(type, Vector512.Load(a[register] + i), part, Nothing, out Vector512<int> mantissa, out Vector512<int> exponent);
                    (mantissa << lift).Store(aMantissa + at);
                    exponent.Store(aExponent + at);
                }
            }
        }
        uint* words = stackalloc uint[16];
        for (int quad = 0; quad < quads; quad++)
        {
            for (int t = 0; t < 4; t++)
            {
                for (int g = 0; g < 8; g++)
                {
                    words[(g & 1) * 4 + (g >> 1)] = b[quad][4 * g + t];
                }
                Vector512<uint> twice = Vector512.Create(Vector256.Load(words), Vector256.Load(words));
                for (int part = 0; part < per; part++)
                {
                    int at = ((quad * 2 + part) * 4 + t) * 16;
                    special |= MatrixFragments.Split(type, twice, part, Nothing, out Vector512<int> mantissa, out Vector512<int> exponent);
                    mantissa.Store(bMantissa + at);
                    exponent.Store(bExponent + at);
                }
            }
        }
        Vector512<int>* exponents = stackalloc Vector512<int>[16];
        Vector512<float>* results = stackalloc Vector512<float>[8];
        Vector512<double> tiny = Vector512<double>.Zero;
        for (int g = 0; g < 8; g++)
        {
            Vector512<float> sum = Vector512.Create(
                Vector256.Create(Vector128.Load(c[0] + 4 * g), Vector128.Load(c[1] + 4 * g)),
                Vector256.Create(Vector128.Load(c[2] + 4 * g), Vector128.Load(c[3] + 4 * g))).AsSingle();
            for (int quad = 0; quad < quads; quad += quadsOfBlock)
            {
                int end = Math.Min(quad + quadsOfBlock, quads);
                special |= Vector512.Equals(sum.AsInt32() & Vector512.Create(0x7F800000), Vector512.Create(0x7F800000));
                sum = Block(quad, end, per, fraction, 4 * g, aMantissa, aExponent, bMantissa, bExponent, exponents, sum, ref tiny);
            }
            results[g] = sum;
        }
        if (!Vector512.EqualsAll(special, Vector512<int>.Zero) || !Vector512.EqualsAll(tiny.AsInt64(), Vector512<long>.Zero))
        {
            return false;
        }
        for (int g = 0; g < 8; g++)
        {
            Vector512<uint> bits = results[g].AsUInt32();
            bits.GetLower().GetLower().Store(d[0] + 4 * g);
            bits.GetLower().GetUpper().Store(d[1] + 4 * g);
            bits.GetUpper().GetLower().Store(d[2] + 4 * g);
            bits.GetUpper().GetUpper().Store(d[3] + 4 * g);
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Block(int quad, int end, int per, int fraction, int lane,
        int* aMantissa, int* aExponent, int* bMantissa, int* bExponent, Vector512<int>* exponents, Vector512<float> c, ref Vector512<double> tiny)
    {
        Vector512<uint> bits = c.AsUInt32();
        Vector512<int> field = (bits >> 23 & Vector512.Create(0xFFu)).AsInt32();
        Vector512<int> exponentC = Vector512.Max(field, Vector512<int>.One) - Vector512.Create(127);
        Vector512<int> hidden = ~Vector512.Equals(field, Vector512<int>.Zero) & Vector512.Create(0x800000);
        Vector512<int> mantissaC = (bits & Vector512.Create(0x7FFFFFu)).AsInt32() | hidden;
        Vector512<int> largest = exponentC;
        int n = 0;
        for (int q = quad; q < end; q++)
        {
            for (int part = 0; part < per; part++)
            {
                int upper = (2 * q * 2 + part) * 32 + lane, row = (q * 2 + part) * 64;
                for (int t = 0; t < 4; t++)
                {
                    Vector512<int> exponent = Pair(aExponent + upper + t) + Vector512.Load(bExponent + row + 16 * t);
                    exponents[n++] = exponent;
                    largest = Vector512.Max(largest, exponent);
                }
            }
        }
        Vector512<int> sum = Signed(
            Shifts.Right((mantissaC << (fraction - 23)).AsUInt32(), (largest - exponentC).AsUInt32()).AsInt32(), bits.AsInt32() >> 31);
        // Sixteen addends of 27 bits would not fit 32, so each quad of columns has its own sum.
        Vector512<long> low = Vector512<long>.Zero, high = Vector512<long>.Zero;
        n = 0;
        for (int q = quad; q < end; q++)
        {
            for (int part = 0; part < per; part++)
            {
                int upper = (2 * q * 2 + part) * 32 + lane, row = (q * 2 + part) * 64;
                for (int t = 0; t < 4; t++)
                {
                    Vector512<int> product = Pair(aMantissa + upper + t) * Vector512.Load(bMantissa + row + 16 * t);
                    Vector512<uint> aligned = Shifts.Right(Vector512.Abs(product).AsUInt32(), (largest - exponents[n++]).AsUInt32());
                    sum += Signed(aligned.AsInt32(), product >> 31);
                }
            }
            (Vector512<long> l, Vector512<long> h) = Vector512.Widen(sum);
            low += l;
            high += h;
            sum = Vector512<int>.Zero;
        }
        (Vector512<long> lowExponent, Vector512<long> highExponent) = Vector512.Widen(largest - Vector512.Create(fraction));
        Vector512<double> x = Scale(low, lowExponent), y = Scale(high, highExponent);
        tiny |= Tiny(x) | Tiny(y);
        return Vector512.Narrow(Cut(x), Cut(y));
    }

    // The element of row g in the lower half, that of row g + 8, which is in the next register, in the upper.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Pair(int* value) => Vector512.Create(Vector256.Create(value[0]), Vector256.Create(value[64]));

    // x where sign is 0, -x where it is all ones.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Signed(Vector512<int> x, Vector512<int> sign) => (x ^ sign) - sign;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Scale(Vector512<long> value, Vector512<long> exponent) =>
        Vector512.ConvertToDouble(value) * (exponent + Vector512.Create(1023L) << 52).AsDouble();

    // Toward zero to 24 bits; what is too large becomes infinite in the conversion.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Cut(Vector512<double> x) => (x.AsUInt64() & Vector512.Create(~((1ul << 29) - 1))).AsDouble();

    // All ones where the result lies below the normal numbers of fp32 and is not zero.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Tiny(Vector512<double> x) =>
        Vector512.LessThan(Vector512.Abs(x), Vector512.Create(1.1754943508222875e-38)) & ~Vector512.Equals(x, Vector512<double>.Zero);
}
