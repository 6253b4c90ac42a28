using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>min and max of floating-point values with their flags.</summary>
internal static unsafe class MinMaxScalars
{
    public static ulong Min(ulong a, ulong b, ulong c, Op* op) => Packed(op, a, b, false);

    public static ulong Max(ulong a, ulong b, ulong c, Op* op) => Packed(op, a, b, true);

    public static ulong Min3(ulong a, ulong b, ulong c, Op* op) => Packed(op, Packed(op, a, b, false), c, false);

    public static ulong Max3(ulong a, ulong b, ulong c, Op* op) => Packed(op, Packed(op, a, b, true), c, true);

    private static ulong Packed(Op* op, ulong a, ulong b, bool max) => FloatScalars.IsPacked(op)
        ? One(op, a & 0xFFFF, b & 0xFFFF, max) | One(op, a >> 16 & 0xFFFF, b >> 16 & 0xFFFF, max) << 16
        : One(op, a, b, max);

    private static ulong One(Op* op, ulong a, ulong b, bool max)
    {
        FloatFormat format = FloatScalars.FormatOf((PtxType)op->Size);
        var form = (FloatForm)op->Form;
        if ((form & FloatForm.Ftz) != 0)
        {
            (a, b) = (format.Flush(a), format.Flush(b));
        }
        ulong sign = (form & FloatForm.XorSign) != 0 ? (a ^ b) & format.SignBit : 0;
        if ((form & (FloatForm.Magnitudes | FloatForm.XorSign)) != 0)
        {
            (a, b) = (a & ~format.SignBit, b & ~format.SignBit);
        }
        double x = format.Decode(a), y = format.Decode(b);
        ulong result;
        if (double.IsNaN(x) || double.IsNaN(y))
        {
            bool none = double.IsNaN(x) && double.IsNaN(y) || (form & FloatForm.PropagateNaN) != 0;
            result = none ? format == FloatFormat.F64 ? 0x7FF8000000000000 : format.CanonicalNaN : double.IsNaN(x) ? b : a;
            return none ? result : FloatScalars.Limit(format, form & FloatForm.Relu, result | sign);
        }
        // -0 is less than +0.
        bool less = x < y || x == y && double.IsNegative(x);
        result = less == max ? b : a;
        return FloatScalars.Limit(format, form & FloatForm.Relu, result | sign);
    }
}
