namespace FeatureTransform.Cuda.Emulator.Numerics;

/// <summary>
/// The approximate instructions. PTX bounds their error and fixes their special values. Here they are computed in double and
/// rounded once, so that a double's last bit is the only deviation from correct rounding; or, with a seed, they err by any amount
/// within the bounds, the same for the same operand.
/// </summary>
internal static class Approximation
{
    private const double Ulp = 1.1920928955078125e-7; // 2^-23

    /// <summary>Of this thread's launch; 0 rounds correctly.</summary>
    [ThreadStatic]
    private static int seed;

    public static void Use(int newSeed) => seed = newSeed;

    // The bounds are those of the PTX ISA.
    public static float Ex2(float x) => Relative(Math.Pow(2, x), x, 2 * Ulp);

    public static float Lg2(float x)
    {
        double exact = Math.Log2(x);
        // Absolute between 1/2 and 2, where the logarithm passes zero; 1 itself is exact.
        return x is > 0.5f and < 2 ? exact == 0 ? 0 : Absolute(exact, x, 2 * Ulp) : Relative(exact, x, 2 * Ulp);
    }

    public static float Rcp(float x) => Relative(1.0 / x, x, Ulp);

    public static float Sqrt(float x) => Relative(Math.Sqrt(x), x, Ulp);

    // rsqrt(-0) is -inf, where 1/sqrt(-0) through double gives the same: sqrt(-0) = -0.
    public static float Rsqrt(float x) => Relative(1.0 / Math.Sqrt(x), x, 1.277e-7); // 2^-22.9

    public static float Sin(float x) => x == 0 ? x : Absolute(Math.Sin(x), x, Math.Abs(x) <= 2 * Math.PI ? 6.743e-7 : 3.757e-5); // 2^-20.5, 2^-14.7

    public static float Cos(float x) => x == 0 ? 1 : Absolute(Math.Cos(x), x, Math.Abs(x) <= 2 * Math.PI ? 6.743e-7 : 3.757e-5);

    public static float Tanh(float x) => Relative(Math.Tanh(x), x, 4.88e-4); // 2^-11

    public static float Divide(float a, float b) => Relative((double)a / b, a * 3 + b, 2 * Ulp);

    /// <summary>rcp.approx.ftz.f64: a start value for Newton's iteration whose lower word is zero.</summary>
    public static double RcpHigh(double x) => High(1 / FlushSubnormal(x));

    /// <summary>rsqrt.approx.ftz.f64, likewise.</summary>
    public static double RsqrtHigh(double x) => High(1 / Math.Sqrt(FlushSubnormal(x)));

    private static float Relative(double exact, float operand, double bound) => seed == 0 || exact == 0 || !double.IsFinite(exact)
        || Math.Abs(exact) == 1 ? (float)exact : (float)(exact * (1 + Error(operand) * (bound - Ulp / 2)));

    private static float Absolute(double exact, float operand, double bound) => seed == 0 || !double.IsFinite(exact)
        ? (float)exact : (float)(exact + Error(operand) * (bound - Ulp / 2 * Math.Abs(exact)));

    // A number in (-1, 1) that depends on the operand and the seed alone.
    private static double Error(float operand)
    {
        uint h = BitConverter.SingleToUInt32Bits(operand) * 0x9E3779B9u ^ (uint)seed * 0x85EBCA6Bu;
        h ^= h >> 16;
        h *= 0x7FEB352Du;
        h ^= h >> 15;
        return (h & 0xFFFFFF) / (double)0x800000 - 1;
    }

    private static double FlushSubnormal(double x) => double.IsSubnormal(x) ? double.CopySign(0, x) : x;

    private static double High(double x)
    {
        x = FlushSubnormal(x);
        return double.IsNaN(x) ? x : BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(x) & ~0xFFFFFFFFul);
    }
}
