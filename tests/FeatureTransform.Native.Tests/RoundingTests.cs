using Xunit;

namespace FeatureTransform.Native.Tests;

/// <summary>The pass loses no more than plain fp32 code: at most twice its error forward and three times backward.</summary>
public sealed class RoundingTests
{
    [Theory]
    [InlineData(16, 257, 8, 0.2f, NegativeTransform.None, LambdaScope.Batch)]
    [InlineData(16, 1031, 128, 0.07f, NegativeTransform.Replace, LambdaScope.Batch)]
    [InlineData(16, 1031, 128, 0.2f, NegativeTransform.Replace, LambdaScope.Element)]
    [InlineData(16, 1031, 128, 0.2f, NegativeTransform.Extend, LambdaScope.Row)]
    [InlineData(16, 4096, 64, 0.5f, NegativeTransform.Replace, LambdaScope.Batch)]
    [InlineData(8, 255, 512, 0.1f, NegativeTransform.Extend, LambdaScope.Element)]
    public void Errors_are_at_most_two_and_three_times_those_of_plain_code(
        int n, int k, int c, float tau, NegativeTransform negative, LambdaScope scope)
    {
        var options = new FeatureTransformOptions { Tau = tau, Negative = negative, NegativeScope = scope, PositiveScope = scope };
        if (negative == NegativeTransform.None)
        {
            options = options with { Positive = PositiveTransform.None };
        }

        (float[] q, float[] key, FeatureQueue queue) = ContrastiveStepTests.Inputs(n, k, c, ElementType.Float32);
        float[] rows = queue.Float32.ToArray();
        (double[] loss, double[] gradient) = PlainContrast<double>.Run(options, q, key, rows, n, c, 9);
        (float[] plainLoss, float[] plainGradient) = PlainContrast<float>.Run(options, q, key, rows, n, c, 9);
        using var step = new ContrastiveStep(options, n, c);
        var (ours, keys, statistics) = (new float[n * c], new float[n * c], new RowStatistics(n));
        _ = step.Run(q, key, queue, 9, true, ours, keys, statistics);

        // The second oracle is held against the first, which knows no formula of the gradient.
        var oracle = new ContrastiveOracle(options, [.. rows.Select(x => (double)x)], k, c, step: 9);
        double[] qWide = [.. q.Select(x => (double)x)], kWide = [.. key.Select(x => (double)x)];
        Assert.Equal(oracle.Row(qWide, kWide, 1).Loss, loss[1], 1e-12);
        const double h = 1e-6;
        double[] up = [.. qWide], down = [.. qWide];
        up[c + 3] += h;
        down[c + 3] -= h;
        double difference = (oracle.Row(up, kWide, 1).Loss - oracle.Row(down, kWide, 1).Loss) / (2 * h) / n;
        Assert.Equal(difference, gradient[c + 3], 1e-6 * gradient.Max(Math.Abs));

        double forward = Error(loss, statistics.Loss), plainForward = Error(loss, plainLoss);
        double backward = Error(gradient, ours), plainBackward = Error(gradient, plainGradient);
        Assert.True(forward <= 2 * plainForward, $"loss: error {forward:E2}, of plain code {plainForward:E2}");
        Assert.True(backward <= 3 * plainBackward, $"gradient: error {backward:E2}, of plain code {plainBackward:E2}");
    }

    // Root mean square: of a few values the largest error of two kinds of rounding is a matter of luck.
    private static double Error(double[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (e, a) => (e - a) * (e - a)).Average());
}
