using Xunit;

namespace FeatureTransform.Native.Tests.Random;

/// <summary>The oracle is the continued fraction of the regularised incomplete beta function, written here in double.</summary>
public sealed class BetaQuantileTests
{
    [Theory]
    [InlineData(1.0, 0.3, 0.3)]
    [InlineData(2.0, 0.25, 0.15625)] // 3x^2 - 2x^3
    [InlineData(3.0, 0.5, 0.5)]
    [InlineData(0.5, 0.25, 1.0 / 3)] // 2/pi asin(sqrt x)
    public void The_oracle_gives_values_known_in_closed_form(double a, double x, double cdf) => Assert.Equal(cdf, Cdf(a, x), 13);

    [Theory]
    [InlineData(0.3f)]
    [InlineData(0.5f)]
    [InlineData(1f)]
    [InlineData(1.6f)]
    [InlineData(2f)]
    [InlineData(5f)]
    [InlineData(10f)]
    public void Is_the_quantile_within_5e_8(float alpha)
    {
        var quantile = new BetaQuantile(alpha);
        double worst = 0;
        for (ulong i = 0; i < 20_000; i++)
        {
            uint word = Philox.Element(3, 0, RandomUse.NegativeLambda, i) & 0x7fffffff;
            word >>= (int)(i % 8) * 2; // the far tail as well
            float p = MathF.Min((word + 0.5f) * (1f / 4294967296f), 0.49999997f);
            double x = quantile.Evaluate(word);
            double density = Math.Exp(((alpha - 1.0) * Math.Log(x * (1 - x))) - LogBeta(alpha));
            double error = Math.Abs(Cdf(alpha, x) - p) / density;
            worst = error <= worst ? worst : error; // NaN is kept
            Assert.Equal(1f - (float)x, quantile.Evaluate(word | 0x80000000));
        }

        Assert.True(worst <= 5e-8, $"alpha {alpha}: largest error {worst:E2}");
    }

    [Fact]
    public void Alpha_1_is_uniform()
    {
        var quantile = new BetaQuantile(1);
        for (ulong i = 0; i < 10_000; i++)
        {
            uint word = Philox.Element(4, 0, RandomUse.NegativeLambda, i);
            Assert.Equal(((word & 0x7fffffff) + 0.5) / 4294967296.0, (word >> 31) == 0 ? quantile.Evaluate(word) : 1.0 - quantile.Evaluate(word), 6e-8);
        }
    }

    /// <summary>
    /// On the lower half, which the other mirrors exactly: close to 1 fp32 has too few values for a small alpha (for 0.2
    /// more than a hundredth of all draws is 1).
    /// </summary>
    [Theory]
    [InlineData(0.2f)]
    [InlineData(0.5f)]
    [InlineData(1f)]
    [InlineData(1.6f)]
    [InlineData(2f)]
    [InlineData(5f)]
    [InlineData(50f)]
    public void Draws_pass_Kolmogorov_and_Smirnov(float alpha)
    {
        const int n = 1_000_000;
        var quantile = new BetaQuantile(alpha);
        var draws = new float[n];
        int upper = 0;
        for (int i = 0; i < n; i += 4)
        {
            PhiloxBlock block = Philox.Block(11, 0, RandomUse.NegativeLambda, (ulong)i / 4);
            for (int j = 0; j < 4; j++)
            {
                draws[i + j] = quantile.Evaluate(block[j] & 0x7fffffff);
                upper += (int)(block[j] >> 31);
            }
        }

        Array.Sort(draws);
        double distance = 0;
        for (int i = 0; i < n; i++)
        {
            double cdf = 2 * Cdf(alpha, draws[i]);
            double here = Math.Max(Math.Abs(cdf - ((double)i / n)), Math.Abs(cdf - ((i + 1.0) / n)));
            distance = here <= distance ? distance : here;
        }

        // 1.95 / sqrt n is the 99.9 % quantile of the distance.
        Assert.True(distance * Math.Sqrt(n) < 1.95, $"alpha {alpha}: distance {distance * Math.Sqrt(n):F3} / sqrt n");
        Assert.InRange(upper, (n / 2) - (1.65 * Math.Sqrt(n)), (n / 2) + (1.65 * Math.Sqrt(n)));
    }

    [Theory]
    [InlineData(0.049f)]
    [InlineData(100.1f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    public void Refuses_alpha_outside_its_range(float alpha) =>
        Assert.Contains("[0.05, 100]", Assert.Throws<ArgumentOutOfRangeException>(() => new BetaQuantile(alpha)).Message);

    private static double Cdf(double a, double x)
    {
        if (x <= 0 || x >= 1)
        {
            return x <= 0 ? 0 : 1;
        }

        if (x > 0.5)
        {
            return 1 - Cdf(a, 1 - x);
        }

        // Abramowitz and Stegun 26.5.8, by Lentz's method.
        double c = 1, d = 1 / (1 - (2 * a * x / (a + 1))), fraction = d;
        for (int m = 1; m < 500; m++)
        {
            double even = m * (a - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            d = 1 / (1 + (even * d));
            c = 1 + (even / c);
            fraction *= d * c;
            double odd = -(a + m) * ((2 * a) + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            d = 1 / (1 + (odd * d));
            c = 1 + (odd / c);
            fraction *= d * c;
            if (Math.Abs((d * c) - 1) < 1e-16)
            {
                break;
            }
        }

        return Math.Exp((a * Math.Log(x * (1 - x))) - LogBeta(a)) * fraction / a;
    }

    private static double LogBeta(double a) => (2 * LogGamma(a)) - LogGamma(2 * a);

    // Stirling's series after moving the argument above 15.
    private static double LogGamma(double x)
    {
        double shift = 0;
        for (; x < 15; x++)
        {
            shift -= Math.Log(x);
        }

        double r = 1 / (x * x);
        double series = ((((-r / 1680 + (1.0 / 1260)) * r) - (1.0 / 360)) * r + (1.0 / 12)) / x;
        return shift + ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI)) + series;
    }
}
