using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>The same products one by one: for infinities, NaNs, subnormal results and fp16 accumulators.</summary>
internal static unsafe class MatrixExact
{
    public static void Multiply(Op* op, uint** a, uint** b, float* sums, bool half)
    {
        var type = (PtxType)op->Mode;
        int k = op->Size, block = (int)op->Immediate;
        double* left = stackalloc double[16];
        double* right = stackalloc double[16];
        for (int row = 0; row < 16; row++)
        {
            for (int column = 0; column < 8; column++)
            {
                for (int i = 0; i < k; i++)
                {
                    left[i] = Element(type, a, row, i, isA: true);
                    right[i] = Element(type, b, column, i, isA: false);
                }
                double c = sums[8 * row + column];
                for (int start = 0; start < k; start += block)
                {
                    c = Block(type, op->Target, left + start, right + start, Math.Min(block, k - start), c, half);
                }
                sums[8 * row + column] = (float)c;
            }
        }
    }

    private static double Element(PtxType type, uint** fragment, int outer, int k, bool isA)
    {
        int per = type == PtxType.TF32 ? 1 : 2, step = 4 * per;
        int register = isA ? k / step * 2 + (outer >> 3) : k / step, lane = (outer & 7) * 4 + k % step / per;
        uint word = fragment[register][lane] >> (16 * (k % per));
        return type switch
        {
            PtxType.BF16 => FloatFormat.BF16.Decode(word & 0xFFFF),
            PtxType.F16 => FloatFormat.F16.Decode(word & 0xFFFF),
            _ => FloatFormat.TF32.Decode(word >> 13),
        };
    }

    private static double Block(PtxType type, int fraction, double* a, double* b, int count, double c, bool half)
    {
        double check = c;
        for (int i = 0; i < count; i++)
        {
            check += a[i] * b[i];
        }
        if (!double.IsFinite(check))
        {
            return check;
        }
        int least = type == PtxType.F16 ? -14 : -126;
        int largest = Math.Max(Exponent(c, half ? -14 : -126), half ? -14 : -126);
        for (int i = 0; i < count; i++)
        {
            if (a[i] != 0 && b[i] != 0)
            {
                largest = Math.Max(largest, Exponent(a[i], least) + Exponent(b[i], least));
            }
        }
        long sum = Aligned(c, fraction - largest);
        for (int i = 0; i < count; i++)
        {
            sum += Aligned(a[i] * b[i], fraction - largest);
        }
        FloatFormat format = half ? FloatFormat.F16 : FloatFormat.F32;
        // Toward zero for fp32, where what is too large becomes infinite nevertheless; to nearest for fp16.
        ulong bits = format.Encode(sum < 0, (ulong)Math.Abs(sum), largest - fraction, false, half ? RoundingMode.Nearest
            : RoundingMode.Zero);
        double limit = Math.ScaleB(1, format.MaxExponent + 1);
        double exact = Math.ScaleB((double)sum, largest - fraction);
        return !half && Math.Abs(exact) >= limit ? exact * double.PositiveInfinity : format.Decode(bits);
    }

    private static int Exponent(double x, int least) => x == 0 ? least : Math.Max(Math.ILogB(x), least);

    // Products of two operands are exact in a double, and so is their scaling.
    private static long Aligned(double x, int scale) => (long)Math.ScaleB(x, scale);
}
