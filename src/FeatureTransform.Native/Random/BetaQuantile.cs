using MathNet.Numerics;

namespace FeatureTransform.Native;

/// <summary>
/// Draws from Beta(a, a) by inversion of one 32-bit random word, without a branch or a transcendental function, so that
/// every device gets the same bits. The top bit picks the half of the symmetric distribution; the other 31 give
/// f = min((float(r &amp; 0x7fffffff) + 0.5) * 2^-32, 0.49999997); the exponent of f and its top mantissa bits pick a
/// row of four cubic coefficients of the quantile function, the remaining mantissa bits are t in [0, 1).
/// The table is built in double. |error| is at most 5e-8 for a in [0.3, 10]; a = 1 is exactly uniform.
/// </summary>
public sealed class BetaQuantile
{
    /// <summary>Smallest accepted a: below it nearly every draw is 0 or 1.</summary>
    public const float MinAlpha = 0.05f;

    /// <summary>Largest accepted a: above it nearly every draw is 1/2.</summary>
    public const float MaxAlpha = 100f;

    internal const float LargestFraction = 0.49999997f;
    internal const float WordScale = 1f / 4294967296f;
    private const int Octaves = 33;
    private const int LowestExponent = -33;

    private readonly float[] _table;

    /// <summary>Builds the table (a few milliseconds).</summary>
    /// <param name="alpha">a of Beta(a, a).</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is outside [0.05, 100] or NaN.</exception>
    public BetaQuantile(float alpha)
    {
        if (!(alpha >= MinAlpha && alpha <= MaxAlpha))
        {
            throw new ArgumentOutOfRangeException(
                nameof(alpha), alpha, $"alpha of Beta(alpha, alpha) must lie in [{MinAlpha}, {MaxAlpha}].");
        }

        Alpha = alpha;
        RowBits = RowBitsOf(alpha);
        _table = BuildTable(alpha, 1 << RowBits);
    }

    /// <summary>a.</summary>
    public float Alpha { get; }

    /// <summary>Rows of coefficients, four floats each (constant term first): 33 octaves from 2^-33 up, 2^RowBits an octave.</summary>
    public ReadOnlySpan<float> Table => _table;

    /// <summary>log2 of the rows in an octave: 4, or 5 for a below 0.3.</summary>
    public int RowBits { get; }

    internal int MantissaShift => 23 - RowBits;

    /// <summary><see cref="RowBits"/> of the table for an alpha.</summary>
    internal static int RowBitsOf(float alpha) => alpha < 0.3f ? 5 : 4;

    internal int FirstRow => (LowestExponent + 127) << RowBits;

    /// <summary>The Beta(a, a) draw in [0, 1] that belongs to <paramref name="word"/>.</summary>
    public float Evaluate(uint word)
    {
        float f = MathF.Min(((float)(word & 0x7fffffff) + 0.5f) * WordScale, LargestFraction);
        int bits = BitConverter.SingleToInt32Bits(f);
        int shift = MantissaShift;
        float t = (bits & ((1 << shift) - 1)) * (1f / (1 << shift));
        ReadOnlySpan<float> row = _table.AsSpan(((bits >> shift) - FirstRow) * 4, 4);
        float x = MathF.FusedMultiplyAdd(
            MathF.FusedMultiplyAdd(MathF.FusedMultiplyAdd(row[3], t, row[2]), t, row[1]), t, row[0]);
        return (word >> 31) != 0 ? 1f - x : x;
    }

    /// <summary>Element <paramref name="index"/> of a stream of draws.</summary>
    internal float Draw(in FeatureTransformOptions options, uint step, RandomUse use, ulong index) =>
        Evaluate(Philox.Element(options.Seed, step, use, index, options.Rank));

    private static float[] BuildTable(double alpha, int rows)
    {
        float[] table = GC.AllocateUninitializedArray<float>(Octaves * rows * 4, pinned: true);
        Span<double> nodes = stackalloc double[4], values = stackalloc double[4];
        for (int i = 0; i < 4; i++)
        {
            nodes[i] = 0.5 - 0.5 * Math.Cos(Math.PI * (2 * i + 1) / 8);
        }

        double logBeta = SpecialFunctions.BetaLn(alpha, alpha);
        for (int cell = 0; cell < Octaves * rows; cell++)
        {
            double start = Math.ScaleB(1 + (double)(cell % rows) / rows, LowestExponent + cell / rows);
            double width = Math.ScaleB(1.0 / rows, LowestExponent + cell / rows);
            for (int i = 0; i < 4; i++)
            {
                // The last octave is only there for f rounded up; the quantile is symmetric about 1/2.
                double p = start + width * nodes[i];
                values[i] = p <= 0.5 ? Quantile(alpha, logBeta, p) : 1 - Quantile(alpha, logBeta, 1 - p);
            }

            Interpolate(nodes, values, table.AsSpan(cell * 4, 4));
        }

        return table;
    }

    // The cubic through four points, by divided differences, expanded into powers of t.
    private static void Interpolate(ReadOnlySpan<double> t, Span<double> y, Span<float> coefficients)
    {
        for (int order = 1; order < 4; order++)
        {
            for (int i = 3; i >= order; i--)
            {
                y[i] = (y[i] - y[i - 1]) / (t[i] - t[i - order]);
            }
        }

        Span<double> c = [y[3], 0, 0, 0];
        for (int i = 2; i >= 0; i--)
        {
            for (int power = 3 - i; power >= 1; power--)
            {
                c[power] = c[power - 1] - t[i] * c[power];
            }

            c[0] = y[i] - t[i] * c[0];
        }

        for (int i = 0; i < 4; i++)
        {
            coefficients[i] = (float)c[i];
        }
    }

    /// <summary>
    /// x with I_x(a, a) = p for p in (0, 1/2]: Newton on ln I as a function of ln x, which is increasing and concave, so
    /// the iteration cannot leave the left side of the root.
    /// </summary>
    private static double Quantile(double a, double logBeta, double p)
    {
        if (p == 0.5)
        {
            return 0.5;
        }

        double logP = Math.Log(p);
        double u = Math.Min((logP + Math.Log(a) + logBeta) / a, Math.Log(0.5));
        for (int i = 0; i < 100; i++)
        {
            double x = Math.Exp(u);
            double cdf = SpecialFunctions.BetaRegularized(a, a, x);
            double slope = Math.Exp(a * u + (a - 1) * double.LogP1(-x) - logBeta) / cdf;
            double change = (logP - Math.Log(cdf)) / slope;
            u = Math.Min(u + change, Math.Log(0.5));
            if (Math.Abs(change) < 1e-15 * Math.Max(1, Math.Abs(u)))
            {
                break;
            }
        }

        return Math.Exp(u);
    }
}
