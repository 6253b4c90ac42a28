namespace FeatureTransform.Cuda.Emulator.Numerics;

/// <summary>
/// Arithmetic in double rounded to odd: a second rounding to a format of at most 25 bits, in any mode, is then as good as one
/// rounding of the exact result (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
/// </summary>
internal static class OddDouble
{
    /// <summary>a + b.</summary>
    public static double Add(double a, double b)
    {
        double sum = a + b;
        if (!double.IsFinite(sum))
        {
            return sum;
        }
        double bPart = sum - a;
        double error = (a - (sum - bPart)) + (b - bPart); // exact (Knuth)
        return Adjust(sum, error);
    }

    /// <summary>a * b + c for operands of at most 26 bits, whose product is exact.</summary>
    public static double MultiplyAdd(double a, double b, double c) => Add(a * b, c);

    /// <summary>a / b for operands of at most 26 bits.</summary>
    public static double Divide(double a, double b)
    {
        double quotient = a / b;
        if (!double.IsFinite(quotient) || quotient == 0 || !double.IsFinite(b))
        {
            return quotient;
        }
        double rest = Math.FusedMultiplyAdd(-quotient, b, a);
        return Adjust(quotient, (rest < 0) == (b < 0) ? Math.Abs(rest) : -Math.Abs(rest));
    }

    /// <summary>The square root.</summary>
    public static double Sqrt(double a)
    {
        double root = Math.Sqrt(a);
        return root is > 0 and < double.PositiveInfinity ? Adjust(root, Math.FusedMultiplyAdd(-root, root, a)) : root;
    }

    // The result was rounded to nearest; error has the sign of what it lacks. Where it lacks something and its last bit is even,
    // the odd neighbour on that side is taken.
    private static double Adjust(double rounded, double error)
    {
        if (error == 0 || (BitConverter.DoubleToUInt64Bits(rounded) & 1) != 0)
        {
            return rounded;
        }
        return error > 0 ? Math.BitIncrement(rounded) : Math.BitDecrement(rounded);
    }
}
