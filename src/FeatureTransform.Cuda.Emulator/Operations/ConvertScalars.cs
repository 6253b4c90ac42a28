using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>cvt on single values: every pair of types, rounding and flag.</summary>
internal static unsafe class ConvertScalars
{
    public static ulong Convert(ulong a, ulong b, ulong c, Op* op)
    {
        PtxType to = (PtxType)op->Count, from = (PtxType)op->Size;
        ulong result = One((ConvertForm)op->Form, (RoundingMode)op->Mode, to, from, a);
        // A destination wider than the type is extended by its sign; Immediate is the width of the register.
        int bits = (int)op->Immediate;
        if (!to.IsSigned() || to.Bits() >= bits)
        {
            return result;
        }
        ulong extended = (ulong)IntegerScalars.Extend(to, result);
        return bits == 64 ? extended : extended & ((1ul << bits) - 1);
    }

    /// <summary>Two values into one register, the first operand into the upper half.</summary>
    public static ulong PackPair(ulong a, ulong b, ulong c, Op* op)
    {
        PtxType to = (PtxType)op->Count switch
        {
            PtxType.F16x2 => PtxType.F16,
            PtxType.BF16x2 => PtxType.BF16,
            PtxType.E4M3x2 => PtxType.E4M3,
            _ => PtxType.E5M2,
        };
        var mode = (RoundingMode)op->Mode;
        var form = (ConvertForm)op->Form;
        return One(form, mode, to, PtxType.F32, a) << to.Bits() | One(form, mode, to, PtxType.F32, b);
    }

    public static ulong UnpackPair(ulong a, ulong b, ulong c, Op* op)
    {
        PtxType from = (PtxType)op->Size == PtxType.E4M3x2 ? PtxType.E4M3 : PtxType.E5M2;
        var form = (ConvertForm)op->Form;
        return One(form, RoundingMode.Nearest, PtxType.F16, from, a & 0xFF)
            | One(form, RoundingMode.Nearest, PtxType.F16, from, a >> 8 & 0xFF) << 16;
    }

    public static ulong PackIntegers(ulong a, ulong b, ulong c, Op* op)
    {
        var to = (PtxType)op->Mode;
        int bits = to.Bits();
        ulong mask = (1ul << bits) - 1;
        return (uint)(c << (2 * bits) | (Clamp((int)a) & mask) << bits | (Clamp((int)b) & mask));

        ulong Clamp(long value) => (ulong)(to.IsSigned()
            ? Math.Clamp(value, -(1L << (bits - 1)), (1L << (bits - 1)) - 1)
            : Math.Clamp(value, 0, (1L << bits) - 1));
    }

    private static ulong One(ConvertForm form, RoundingMode mode, PtxType to, PtxType from, ulong a)
    {
        FloatFormat? source = Format(from), target = Format(to);
        if (source is null && target is null)
        {
            return Integer(form, to, from, a);
        }
        if (source is null)
        {
            long value = IntegerScalars.Extend(from, a);
            bool negative = from.IsSigned() && value < 0;
            ulong magnitude = negative ? (ulong)-value : from.Bits() == 64 ? a : a & ((1ul << from.Bits()) - 1);
            return Finish(form, to, target!, target!.Encode(negative && magnitude != 0, magnitude, 0, false, mode));
        }
        a &= source.Bits == 64 ? ~0ul : (1ul << source.Bits) - 1;
        if ((form & ConvertForm.Ftz) != 0 && from == PtxType.F32)
        {
            a = source.Flush(a);
        }
        double x = source.Decode(a);
        if (target is null)
        {
            return ToInteger(to, from, Integral(x, mode));
        }
        if ((form & ConvertForm.ToInteger) != 0)
        {
            x = Integral(x, mode);
            mode = RoundingMode.Nearest;
        }
        bool sameFormat = source == target;
        ulong result = sameFormat && (double.IsNaN(x) || (form & ConvertForm.ToInteger) == 0) && target == FloatFormat.F64
            ? a
            : target == FloatFormat.F64 ? BitConverter.DoubleToUInt64Bits(x)
            : target.Encode(x, mode, (form & ConvertForm.SaturateFinite) != 0);
        return Finish(form, to, target, result);
    }

    private static ulong Finish(ConvertForm form, PtxType to, FloatFormat target, ulong result)
    {
        if ((form & ConvertForm.Ftz) != 0 && to == PtxType.F32)
        {
            result = target.Flush(result);
        }
        result = FloatScalars.Limit(target, ((form & ConvertForm.Saturate) != 0 ? FloatForm.Saturate : 0)
            | ((form & ConvertForm.Relu) != 0 ? FloatForm.Relu : 0), result);
        // TF32 stands in the upper 19 bits of a word.
        return target == FloatFormat.TF32 ? result << 13 | (result == target.CanonicalNaN ? 0x1FFFul : 0) : result;
    }

    private static double Integral(double x, RoundingMode mode) => mode switch
    {
        RoundingMode.Nearest => Math.Round(x, MidpointRounding.ToEven),
        RoundingMode.Zero => Math.Truncate(x),
        RoundingMode.Down => Math.Floor(x),
        _ => Math.Ceiling(x),
    };

    // Out of range becomes the nearest value there is. A NaN becomes 0, or the sign bit alone where 64 bits are involved.
    private static ulong ToInteger(PtxType to, PtxType from, double x)
    {
        int bits = to.Bits();
        if (double.IsNaN(x))
        {
            return from == PtxType.F64 || bits == 64 ? bits == 64 ? 1ul << 63 : 1ul << (bits - 1) : 0;
        }
        if (to.IsSigned())
        {
            double limit = Math.ScaleB(1, bits - 1);
            long value = x >= limit ? (long)((1ul << (bits - 1)) - 1) : x < -limit ? -1L << (bits - 1) : (long)x;
            return bits == 64 ? (ulong)value : (ulong)value & ((1ul << bits) - 1);
        }
        return x >= Math.ScaleB(1, bits) ? bits == 64 ? ~0ul : (1ul << bits) - 1 : x <= 0 ? 0 : (ulong)x;
    }

    private static ulong Integer(ConvertForm form, PtxType to, PtxType from, ulong a)
    {
        int bits = to.Bits();
        Int128 value = from.IsSigned() ? IntegerScalars.Extend(from, a) : from.Bits() == 64 ? a : a & ((1ul << from.Bits()) - 1);
        if ((form & ConvertForm.Saturate) != 0)
        {
            Int128 least = to.IsSigned() ? -(Int128.One << (bits - 1)) : 0,
                most = (Int128.One << (to.IsSigned() ? bits - 1 : bits)) - 1;
            value = Int128.Clamp(value, least, most);
        }
        return bits == 64 ? (ulong)value : (ulong)value & ((1ul << bits) - 1);
    }

    private static FloatFormat? Format(PtxType type) => type switch
    {
        PtxType.F16 => FloatFormat.F16,
        PtxType.BF16 => FloatFormat.BF16,
        PtxType.F32 => FloatFormat.F32,
        PtxType.F64 => FloatFormat.F64,
        PtxType.TF32 => FloatFormat.TF32,
        PtxType.E4M3 => FloatFormat.E4M3,
        PtxType.E5M2 => FloatFormat.E5M2,
        _ => null,
    };
}
