using FeatureTransform.Native;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>Inputs of layers, and the comparison of what comes out with an oracle.</summary>
internal static class LayerNumbers
{
    // Half a unit in the last place, relative to the value, of bf16's 8 and of fp32's 24 significant bits.
    private const double HalfRounding = 1.0 / (1 << 8), SingleRounding = 1.0 / (1 << 24);

    /// <summary>Uniform numbers in -1..1, rounded as the device stores activations, so that both sides compute on the same.</summary>
    public static float[] Random(ElementType type, int count, uint draw) =>
        [.. Enumerable.Range(0, count).Select(i => Stored(type, (Philox.Element(23, draw, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1))];

    public static float Stored(ElementType type, float value) => type == ElementType.BFloat16 ? Half(value) : value;

    /// <summary>The nearest bf16, ties to even, by arithmetic.</summary>
    public static float Half(float value) => Nearest(value, fractionBits: 7);

    /// <summary>The nearest TF32, ties to even, by arithmetic.</summary>
    public static float Tf32(float value) => Nearest(value, fractionBits: 10);

    private static float Nearest(float value, int fractionBits)
    {
        if (value == 0)
        {
            return value;
        }

        double unit = Math.ScaleB(1, Math.ILogB(value) - fractionBits);
        return (float)(Math.Round(value / unit, MidpointRounding.ToEven) * unit);
    }

    /// <summary>
    /// The error is at most <paramref name="factor"/> times that of the plain fp32 loop and a floor of 8 roundings of the largest
    /// value; each result may also be off by its own rounding, to bf16 where it is <paramref name="stored"/> so, and by that of
    /// <paramref name="intermediate"/>, values that the device rounds on the way. NaN fails.
    /// </summary>
    public static void AssertClose(
        ElementType type, string what, float[] given, double[] expected, float[] plain, double factor, bool stored,
        Func<int, double>? intermediate = null)
    {
        Assert.Equal(expected.Length, given.Length);
        double scale = expected.Max(Math.Abs), loop = plain.Length == 0 ? 0 : expected.Select((value, i) => Math.Abs(plain[i] - value)).Max();
        double floor = (factor * loop) + (8 * Math.ScaleB(scale, -24));
        for (int i = 0; i < given.Length; i++)
        {
            double unit = type == ElementType.BFloat16 && stored ? HalfRounding : SingleRounding;
            double rounding = unit * (Math.Abs(expected[i]) + floor + (intermediate is null ? 0 : Math.Abs(intermediate(i))));
            double error = Math.Abs(given[i] - expected[i]);
            Assert.True(
                error <= floor + rounding,
                $"{what}[{i}] of {given.Length}: {given[i]:G9}, expected {expected[i]:G9}: error {error:E2} above {floor + rounding:E2}");
        }
    }

    /// <summary>
    /// Sums of products whose factors are cut to TF32, by rounding or by truncation: each factor is off by at most u = 2^-10 of
    /// itself, a product, exact in fp32, by 2 u + u^2 of its magnitude; and each of the additions by at most 2^-23 of the sum of
    /// magnitudes, as tensor cores truncate. NaN fails.
    /// </summary>
    /// <param name="what">What was computed.</param>
    /// <param name="given">What the device made of it.</param>
    /// <param name="expected">The sums in fp64, of factors that were not rounded.</param>
    /// <param name="magnitudes">The sums of the magnitudes of the products.</param>
    /// <param name="terms">The most products of a sum.</param>
    public static void AssertWithinTf32(string what, float[] given, double[] expected, double[] magnitudes, int terms)
    {
        const double u = 1.0 / (1 << 10);
        double addition = terms * Math.ScaleB(1, -23), relative = (2 * u) + (u * u) + (addition / (1 - addition) * (1 + u) * (1 + u));
        Assert.Equal(expected.Length, given.Length);
        for (int i = 0; i < given.Length; i++)
        {
            double error = Math.Abs(given[i] - expected[i]), bound = relative * magnitudes[i];
            Assert.True(
                error <= bound, $"{what}[{i}] of {given.Length}: {given[i]:G9}, expected {expected[i]:G9}: error {error:E2} above {bound:E2}");
        }
    }
}
