namespace FeatureTransform.Cuda.Emulator.Numerics;

/// <summary>
/// The approximate instructions. PTX bounds their error and fixes their special values; here they are computed in double and
/// rounded once, so that a double's last bit is the only deviation from correct rounding.
/// </summary>
internal static class Approximation
{
    public static float Ex2(float x) => (float)Math.Pow(2, x);

    public static float Lg2(float x) => (float)Math.Log2(x);

    public static float Rcp(float x) => (float)(1.0 / x);

    public static float Sqrt(float x) => (float)Math.Sqrt(x);

    // rsqrt(-0) is -inf, where 1/sqrt(-0) through double gives the same: sqrt(-0) = -0.
    public static float Rsqrt(float x) => (float)(1.0 / Math.Sqrt(x));

    public static float Sin(float x) => (float)Math.Sin(x);

    public static float Cos(float x) => (float)Math.Cos(x);

    public static float Tanh(float x) => (float)Math.Tanh(x);

    public static float Divide(float a, float b) => (float)((double)a / b);

    /// <summary>rcp.approx.ftz.f64: a start value for Newton's iteration whose lower word is zero.</summary>
    public static double RcpHigh(double x) => High(1 / FlushSubnormal(x));

    /// <summary>rsqrt.approx.ftz.f64, likewise.</summary>
    public static double RsqrtHigh(double x) => High(1 / Math.Sqrt(FlushSubnormal(x)));

    private static double FlushSubnormal(double x) => double.IsSubnormal(x) ? double.CopySign(0, x) : x;

    private static double High(double x)
    {
        x = FlushSubnormal(x);
        return double.IsNaN(x) ? x : BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(x) & ~0xFFFFFFFFul);
    }
}
