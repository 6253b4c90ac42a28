using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>The approximate instructions on single values; Size is the type, Form the flags.</summary>
internal static unsafe class ApproximationScalars
{
    public static ulong Ex2(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Ex2);

    public static ulong Lg2(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Lg2);

    public static ulong Rcp(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Rcp);

    public static ulong Sqrt(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Sqrt);

    public static ulong Rsqrt(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Rsqrt);

    public static ulong Sin(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Sin);

    public static ulong Cos(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Cos);

    public static ulong Tanh(ulong a, ulong b, ulong c, Op* op) => Apply(op, a, Approximation.Tanh);

    public static ulong RcpF64(ulong a, ulong b, ulong c, Op* op) =>
        BitConverter.DoubleToUInt64Bits(Approximation.RcpHigh(BitConverter.UInt64BitsToDouble(a)));

    public static ulong RsqrtF64(ulong a, ulong b, ulong c, Op* op) =>
        BitConverter.DoubleToUInt64Bits(Approximation.RsqrtHigh(BitConverter.UInt64BitsToDouble(a)));

    public static ulong DivideFull(ulong a, ulong b, ulong c, Op* op) => Quotient(op, a, b, full: true);

    public static ulong Divide(ulong a, ulong b, ulong c, Op* op) => Quotient(op, a, b, full: false);

    private static ulong Quotient(Op* op, ulong a, ulong b, bool full)
    {
        bool ftz = (op->Form & (byte)FloatForm.Ftz) != 0;
        float x = Single(a, ftz), y = Single(b, ftz);
        // PTX: for 2^126 < |b| < 2^128 the approximate division gives 0 or, for an infinite a, NaN.
        if (!full && Math.Abs(y) > 8.5070592e37f && float.IsFinite(y))
        {
            return float.IsFinite(x) ? (ulong)(BitConverter.SingleToUInt32Bits(x) ^ BitConverter.SingleToUInt32Bits(
                y)) & 0x80000000 : 0x7FFFFFFF;
        }
        return Bits(Approximation.Divide(x, y), ftz);
    }

    private static ulong Apply(Op* op, ulong a, Func<float, float> function)
    {
        var type = (PtxType)op->Size;
        if (type == PtxType.F32)
        {
            bool ftz = (op->Form & (byte)FloatForm.Ftz) != 0;
            return Bits(function(Single(a, ftz)), ftz);
        }
        FloatFormat format = FloatScalars.FormatOf(type);
        ulong low = One(a & 0xFFFF);
        return FloatScalars.IsPacked(op) ? low | One(a >> 16 & 0xFFFF) << 16 : low;

        // ex2.ftz.bf16 flushes subnormals; fp16 keeps them.
        ulong One(ulong half)
        {
            bool ftz = format == FloatFormat.BF16;
            ulong result = format.Encode(function((float)format.Decode(ftz ? format.Flush(half) : half)), RoundingMode.Nearest);
            return ftz ? format.Flush(result) : result;
        }
    }

    private static float Single(ulong bits, bool ftz) =>
        BitConverter.UInt32BitsToSingle((uint)(ftz ? FloatFormat.F32.Flush(bits) : bits));

    private static ulong Bits(float value, bool ftz)
    {
        if (float.IsNaN(value))
        {
            return 0x7FFFFFFF;
        }
        ulong bits = BitConverter.SingleToUInt32Bits(value);
        return ftz ? FloatFormat.F32.Flush(bits) : bits;
    }
}
