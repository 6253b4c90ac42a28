using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// Floating-point instructions on single values, in every format and rounding: Size is the type, Mode the rounding, Form the
/// flags. Formats up to fp32 are computed in double rounded to odd and rounded once more.
/// </summary>
internal static unsafe class FloatScalars
{
    public static ulong Add(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, b, 0, Operation.Add);

    public static ulong Sub(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, b, 0, Operation.Sub);

    public static ulong Mul(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, b, 0, Operation.Mul);

    public static ulong Fma(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, b, c, Operation.Fma);

    public static ulong Divide(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, b, 0, Operation.Divide);

    public static ulong Reciprocal(ulong a, ulong b, ulong c, Op* op) =>
        Arithmetic(op, (PtxType)op->Size == PtxType.F64 ? BitConverter.DoubleToUInt64Bits(1) : 0x3F800000, a, 0,
            Operation.Divide);

    public static ulong Sqrt(ulong a, ulong b, ulong c, Op* op) => Arithmetic(op, a, 0, 0, Operation.Sqrt);

    public static ulong CopySign32(ulong a, ulong b, ulong c, Op* op) => (b & 0x7FFFFFFF) | (a & 0x80000000);

    public static ulong CopySign64(ulong a, ulong b, ulong c, Op* op) => (b & ~(1ul << 63)) | (a & 1ul << 63);

    public static ulong AbsHalf(ulong a, ulong b, ulong c, Op* op)
    {
        ulong lanes = IsPacked(op) ? 0x80008000ul : 0x8000;
        return Flush(op, a) & ~lanes;
    }

    public static ulong NegateHalf(ulong a, ulong b, ulong c, Op* op) => Flush(op, a) ^ (IsPacked(op) ? 0x80008000ul : 0x8000);

    public static FloatFormat FormatOf(PtxType type) => type switch
    {
        PtxType.F16 or PtxType.F16x2 => FloatFormat.F16,
        PtxType.BF16 or PtxType.BF16x2 => FloatFormat.BF16,
        PtxType.F64 => FloatFormat.F64,
        _ => FloatFormat.F32,
    };

    public static bool IsPacked(Op* op) => (PtxType)op->Size is PtxType.F16x2 or PtxType.BF16x2;

    private static ulong Flush(Op* op, ulong a)
    {
        if ((op->Form & (byte)FloatForm.Ftz) == 0)
        {
            return a;
        }
        FloatFormat format = FormatOf((PtxType)op->Size);
        return IsPacked(op) ? format.Flush(a & 0xFFFF) | format.Flush(a >> 16) << 16 : format.Flush(a);
    }

    private enum Operation
    {
        Add,
        Sub,
        Mul,
        Fma,
        Divide,
        Sqrt,
    }

    private static ulong Arithmetic(Op* op, ulong a, ulong b, ulong c, Operation operation)
    {
        if (IsPacked(op))
        {
            return One(op, a & 0xFFFF, b & 0xFFFF, c & 0xFFFF, operation)
                | One(op, a >> 16 & 0xFFFF, b >> 16 & 0xFFFF, c >> 16 & 0xFFFF, operation) << 16;
        }
        return One(op, a, b, c, operation);
    }

    private static ulong One(Op* op, ulong a, ulong b, ulong c, Operation operation)
    {
        FloatFormat format = FormatOf((PtxType)op->Size);
        var mode = (RoundingMode)op->Mode;
        var form = (FloatForm)op->Form;
        if ((form & FloatForm.Ftz) != 0)
        {
            (a, b, c) = (format.Flush(a), format.Flush(b), format.Flush(c));
        }
        double x = format.Decode(a), y = format.Decode(b), z = format.Decode(c);
        ulong result;
        if (format == FloatFormat.F64)
        {
            result = BitConverter.DoubleToUInt64Bits(operation switch
            {
                Operation.Add => ExactDouble.MultiplyAdd(x, 1, y, mode),
                Operation.Sub => ExactDouble.MultiplyAdd(x, 1, -y, mode),
                Operation.Mul => ExactDouble.MultiplyAdd(x, y, MultiplicationZero(x, y), mode),
                Operation.Fma => ExactDouble.MultiplyAdd(x, y, z, mode),
                Operation.Divide => ExactDouble.Divide(x, y, mode),
                _ => ExactDouble.Sqrt(x, mode),
            });
        }
        else
        {
            double odd = operation switch
            {
                Operation.Add => OddDouble.Add(x, y),
                Operation.Sub => OddDouble.Add(x, -y),
                Operation.Mul => x * y,
                Operation.Fma => OddDouble.MultiplyAdd(x, y, z),
                Operation.Divide => OddDouble.Divide(x, y),
                _ => OddDouble.Sqrt(x),
            };
            // An exact zero sum of opposite numbers is -0 when rounding down.
            bool cancels = operation is Operation.Add or Operation.Sub or Operation.Fma && odd == 0 && mode == RoundingMode.Down;
            if (cancels && !BothPositiveZero(x, y, z, operation))
            {
                odd = -0.0;
            }
            result = format.Encode(odd, mode);
        }
        if ((form & FloatForm.Ftz) != 0)
        {
            result = format.Flush(result);
        }
        return Limit(format, form, result);
    }

    // The addend that does not disturb a product, not even the sign of a zero.
    private static double MultiplicationZero(double x, double y) => double.IsNegative(x) != double.IsNegative(y) ? -0.0 : 0.0;

    private static bool BothPositiveZero(double x, double y, double z, Operation operation) => operation switch
    {
        Operation.Add => x == 0 && y == 0 && !double.IsNegative(x) && !double.IsNegative(y),
        Operation.Sub => x == 0 && y == 0 && !double.IsNegative(x) && double.IsNegative(y),
        _ => x * y == 0 && z == 0 && !double.IsNegative(x * y) && !double.IsNegative(z),
    };

    /// <summary>.sat keeps [0, 1], a NaN becoming +0; .relu replaces negative numbers by 0 and keeps a canonical NaN.</summary>
    public static ulong Limit(FloatFormat format, FloatForm form, ulong bits)
    {
        if ((form & (FloatForm.Saturate | FloatForm.Relu)) == 0)
        {
            return bits;
        }
        double value = format.Decode(bits);
        if ((form & FloatForm.Relu) != 0)
        {
            return double.IsNaN(value) ? format.CanonicalNaN : value > 0 ? bits : 0;
        }
        return !(value > 0) ? 0 : value > 1 ? format.Encode(1, RoundingMode.Nearest) : bits;
    }
}
