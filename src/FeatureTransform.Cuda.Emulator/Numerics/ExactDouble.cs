using System.Numerics;

namespace FeatureTransform.Cuda.Emulator.Numerics;

/// <summary>fp64 arithmetic in the rounding modes a processor does not offer per instruction, by way of exact integers.</summary>
internal static class ExactDouble
{
    public static double MultiplyAdd(double a, double b, double c, RoundingMode mode)
    {
        double nearest = Math.FusedMultiplyAdd(a, b, c);
        if (mode == RoundingMode.Nearest || !double.IsFinite(a) || !double.IsFinite(b) || !double.IsFinite(c))
        {
            return nearest;
        }
        (BigInteger ma, int ea) = Split(a);
        (BigInteger mb, int eb) = Split(b);
        (BigInteger mc, int ec) = Split(c);
        BigInteger product = ma * mb;
        int exponent = Math.Min(ea + eb, ec);
        BigInteger sum = (product << (ea + eb - exponent)) + (mc << (ec - exponent));
        if (sum.IsZero)
        {
            // x + (-x) is +0, rounding down -0; zeros of one sign keep it.
            bool bothNegative = double.IsNegative(a) != double.IsNegative(b) && double.IsNegative(c);
            bool bothPositive = double.IsNegative(a) == double.IsNegative(b) && !double.IsNegative(c);
            return bothNegative || !bothPositive && mode == RoundingMode.Down ? -0.0 : 0.0;
        }
        return Round(sum, exponent, false, mode);
    }

    public static double Divide(double a, double b, RoundingMode mode)
    {
        if (mode == RoundingMode.Nearest || !double.IsFinite(a) || !double.IsFinite(b) || a == 0 || b == 0)
        {
            return a / b;
        }
        (BigInteger ma, int ea) = Split(a);
        (BigInteger mb, int eb) = Split(b);
        BigInteger quotient = BigInteger.DivRem(BigInteger.Abs(ma) << 128, BigInteger.Abs(mb), out BigInteger rest);
        return Round(ma.Sign * mb.Sign * quotient, ea - eb - 128, !rest.IsZero, mode);
    }

    public static double Sqrt(double a, RoundingMode mode)
    {
        if (mode == RoundingMode.Nearest || !(a > 0) || !double.IsFinite(a))
        {
            return Math.Sqrt(a);
        }
        (BigInteger m, int e) = Split(a);
        int shift = 128 + (e & 1);
        BigInteger wide = m << shift, root = (BigInteger)Math.Sqrt((double)wide);
        for (int i = 0; i < 8; i++)
        {
            root = (root + wide / root) >> 1;
        }
        while (root * root > wide)
        {
            root--;
        }
        while ((root + 1) * (root + 1) <= wide)
        {
            root++;
        }
        return Round(root, (e - shift) / 2, root * root != wide, mode);
    }

    private static (BigInteger Mantissa, int Exponent) Split(double x)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(x);
        int field = (int)(bits >> 52) & 0x7FF;
        BigInteger mantissa = (bits & 0xFFFFFFFFFFFFF) | (field == 0 ? 0 : 1ul << 52);
        return (double.IsNegative(x) ? -mantissa : mantissa, Math.Max(field, 1) - 1075);
    }

    private static double Round(BigInteger value, int exponent, bool sticky, RoundingMode mode)
    {
        bool negative = value.Sign < 0;
        BigInteger magnitude = BigInteger.Abs(value);
        int excess = (int)magnitude.GetBitLength() - 64;
        if (excess > 0)
        {
            sticky |= !(magnitude & ((BigInteger.One << excess) - 1)).IsZero;
            magnitude >>= excess;
            exponent += excess;
        }
        return BitConverter.UInt64BitsToDouble(FloatFormat.F64.Encode(negative, (ulong)magnitude, exponent, sticky, mode));
    }
}
