using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Integer instructions on single values; Mode is the type, Form bit 0 saturation.</summary>
internal static unsafe class IntegerScalars
{
    public static ulong Add(ulong a, ulong b, ulong c, Op* op) => Fit(op, (Int128)Signed(op, a) + Signed(op, b));

    public static ulong Sub(ulong a, ulong b, ulong c, Op* op) => Fit(op, (Int128)Signed(op, a) - Signed(op, b));

    public static ulong MulLow(ulong a, ulong b, ulong c, Op* op) => Narrow(op, a * b + c);

    /// <summary>The upper half of the product, plus c.</summary>
    public static ulong MulHigh(ulong a, ulong b, ulong c, Op* op)
    {
        var type = (PtxType)op->Mode;
        int bits = type.Bits();
        if (type.IsSigned())
        {
            Int128 sum = ((Int128)Extend(type, a) * Extend(type, b) >> bits) + Extend(type, c);
            return Fit(op, sum);
        }
        UInt128 product = (UInt128)a * b;
        return Narrow(op, (ulong)(product >> bits) + c);
    }

    public static ulong MulWide16(ulong a, ulong b, ulong c, Op* op) =>
        (PtxType)op->Mode == PtxType.S16 ? (uint)((short)a * (short)b + (int)c) : (uint)a * (uint)b + (uint)c;

    public static ulong Mul24(ulong a, ulong b, ulong c, Op* op)
    {
        bool signed = (PtxType)op->Mode == PtxType.S32;
        long x = signed ? (int)((uint)a << 8) >> 8 : (long)(a & 0xFFFFFF), y = signed ? (int)((uint)b << 8) >> 8
            : (long)(b & 0xFFFFFF);
        long part = (op->Form & 2) != 0 ? (x * y) >> 16 : x * y;
        if ((op->Form & 1) != 0)
        {
            return (uint)(int)Math.Clamp((long)(int)part + (int)c, int.MinValue, int.MaxValue);
        }
        return (uint)(part + (long)c);
    }

    public static ulong Sad(ulong a, ulong b, ulong c, Op* op)
    {
        Int128 difference = (Int128)Value(op, a) - Value(op, b);
        return Narrow(op, (ulong)(difference < 0 ? -difference : difference) + c);
    }

    // Division by zero gives what the hardware's routine does: all ones; the remainder is the dividend.
    public static ulong Div(ulong a, ulong b, ulong c, Op* op)
    {
        if (b == 0)
        {
            return Narrow(op, ~0ul);
        }
        return Narrow(op, (ulong)(Value(op, a) / Value(op, b)));
    }

    public static ulong Rem(ulong a, ulong b, ulong c, Op* op) => b == 0 ? a : Narrow(op, (ulong)(Value(op, a) % Value(op, b)));

    public static ulong Abs(ulong a, ulong b, ulong c, Op* op)
    {
        long x = Extend((PtxType)op->Mode, a);
        return Narrow(op, (ulong)(x < 0 ? -x : x));
    }

    public static ulong Negate(ulong a, ulong b, ulong c, Op* op) => Narrow(op, 0 - a);

    public static ulong Min(ulong a, ulong b, ulong c, Op* op) => Choose(a, b, op, false);

    public static ulong Max(ulong a, ulong b, ulong c, Op* op) => Choose(a, b, op, true);

    public static ulong Add16x2(ulong a, ulong b, ulong c, Op* op) =>
        (uint)(((a + b) & 0xFFFF) | ((a & 0xFFFF0000) + (b & 0xFFFF0000)));

    public static ulong Dp4a(ulong a, ulong b, ulong c, Op* op)
    {
        int sum = (int)c;
        for (int k = 0; k < 32; k += 8)
        {
            sum += ((op->Mode & 1) != 0 ? (sbyte)(a >> k) : (byte)(a >> k)) * ((op->Mode & 2) != 0 ? (sbyte)(b >> k)
                : (byte)(b >> k));
        }
        return (uint)sum;
    }

    public static ulong Dp2a(ulong a, ulong b, ulong c, Op* op)
    {
        int sum = (int)c, shift = op->Form == 1 ? 16 : 0;
        for (int k = 0; k < 2; k++)
        {
            int x = (op->Mode & 1) != 0 ? (short)(a >> (16 * k)) : (ushort)(a >> (16 * k));
            int y = (op->Mode & 2) != 0 ? (sbyte)(b >> (8 * k + shift)) : (byte)(b >> (8 * k + shift));
            sum += x * y;
        }
        return (uint)sum;
    }

    public static long Extend(PtxType type, ulong a) => type.Bits() switch
    {
        8 => (sbyte)a,
        16 => (short)a,
        32 => (int)a,
        _ => (long)a,
    };

    private static ulong Choose(ulong a, ulong b, Op* op, bool max)
    {
        var type = (PtxType)op->Mode;
        if (type is PtxType.U16x2 or PtxType.S16x2)
        {
            return Half(a, b) | Half(a >> 16, b >> 16) << 16;
        }
        ulong chosen = (Value(op, a) > Value(op, b)) == max ? a : b;
        return op->Form == 1 && Extend(type, chosen) < 0 ? 0 : chosen;

        ulong Half(ulong x, ulong y)
        {
            int u = type == PtxType.S16x2 ? (short)x : (ushort)x, v = type == PtxType.S16x2 ? (short)y : (ushort)y;
            int best = max ? Math.Max(u, v) : Math.Min(u, v);
            return (ushort)(op->Form == 1 ? Math.Max(best, 0) : best);
        }
    }

    private static Int128 Value(Op* op, ulong a) => ((PtxType)op->Mode).IsSigned() ? Extend((PtxType)op->Mode, a) : (Int128)a;

    private static long Signed(Op* op, ulong a) => Extend((PtxType)op->Mode, a);

    private static ulong Narrow(Op* op, ulong a) =>
        ((PtxType)op->Mode).Bits() == 64 ? a : a & ((1ul << ((PtxType)op->Mode).Bits()) - 1);

    private static ulong Fit(Op* op, Int128 value)
    {
        if ((op->Form & 1) != 0)
        {
            value = Int128.Clamp(value, int.MinValue, int.MaxValue); // .sat exists for s32 only
        }
        return Narrow(op, (ulong)value);
    }
}
