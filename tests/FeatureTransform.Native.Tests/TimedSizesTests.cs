using FeatureTransform.Benchmarks;
using Xunit;

namespace FeatureTransform.Native.Tests;

/// <summary>What is timed is also right: the sizes of the benchmarks against fp64.</summary>
public sealed class TimedSizesTests
{
    public static TheoryData<int, int, int> TimedSizes => new(PassShape.All.Select(shape => (shape.N, shape.K, shape.C)));

    [Theory]
    [MemberData(nameof(TimedSizes))]
    public void The_sizes_that_benchmarks_time_equal_the_oracle(int n, int k, int c)
    {
        var options = new FeatureTransformOptions { Tau = 0.1f, NegativeScope = LambdaScope.Row };
        (float[] q, float[] key, FeatureQueue queue) = ContrastiveStepTests.Inputs(n, k, c, ElementType.Float32);
        using var step = new ContrastiveStep(options, n, c);
        var (gradient, keys, statistics) = (new float[n * c], new float[n * c], new RowStatistics(n));
        _ = step.Run(q, key, queue, 9, true, gradient, keys, statistics);

        // One row, in a panel that is not the first; its gradient is that of its own loss over N.
        var oracle = new ContrastiveOracle(options, [.. queue.Float32.ToArray().Select(x => (double)x)], k, c, step: 9);
        double[] qWide = [.. q.Select(x => (double)x)], kWide = [.. key.Select(x => (double)x)];
        double largest = gradient.Max(Math.Abs);
        int i = n - 1;
        ContrastiveStepTests.CheckRow(oracle.Row(qWide, kWide, i), statistics, i, k, ContrastiveStepTests.Tolerance(options));
        const double h = 1e-5;
        int index = (i * c) + (c / 2) + 1;
        double[] up = [.. qWide], down = [.. qWide];
        up[index] += h;
        down[index] -= h;
        double expected = (oracle.Row(up, kWide, i).Loss - oracle.Row(down, kWide, i).Loss) / (2 * h) / n;
        Assert.InRange(gradient[index], expected - (1e-5 * largest / options.Tau), expected + (1e-5 * largest / options.Tau));
    }
}
