using Xunit;

namespace FeatureTransform.Native.Tests;

public sealed class ContrastiveStepTests
{
    public static TheoryData<PositiveTransform, LambdaScope, bool, NegativeTransform, LambdaScope, bool> Settings
    {
        get
        {
            var data = new TheoryData<PositiveTransform, LambdaScope, bool, NegativeTransform, LambdaScope, bool>();
            foreach (PositiveTransform positive in Enum.GetValues<PositiveTransform>())
            {
                foreach (NegativeTransform negative in Enum.GetValues<NegativeTransform>())
                {
                    foreach (LambdaScope scope in Enum.GetValues<LambdaScope>())
                    {
                        data.Add(positive, scope, false, negative, (LambdaScope)(((int)scope + 1) % 3), false);
                        data.Add(positive, scope, true, negative, scope, true);
                    }
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void Loss_statistics_and_gradient_equal_the_oracle(
        PositiveTransform positive, LambdaScope positiveScope, bool positiveNormalize,
        NegativeTransform negative, LambdaScope negativeScope, bool negativeNormalize)
    {
        Check(Options(positive, positiveScope, positiveNormalize, negative, negativeScope, negativeNormalize), n: 3, k: 67, c: 5);
    }

    /// <summary>The options of one of <see cref="Settings"/>.</summary>
    internal static FeatureTransformOptions Options(
        PositiveTransform positive, LambdaScope positiveScope, bool positiveNormalize,
        NegativeTransform negative, LambdaScope negativeScope, bool negativeNormalize) => new()
        {
            Tau = 0.2f,
            Seed = 5,
            Rank = 3,
            Positive = positive,
            PositiveScope = positiveScope,
            PositiveNormalize = positiveNormalize,
            Negative = negative,
            NegativeScope = negativeScope,
            NegativeNormalize = negativeNormalize,
        };

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(31, 33, 17)]
    [InlineData(17, 255, 16)]
    [InlineData(2, 257, 128)]
    public void Odd_sizes_equal_the_oracle(int n, int k, int c) => Check(new FeatureTransformOptions { Tau = 0.1f }, n, k, c);

    [Theory]
    [InlineData(0.005f)]
    [InlineData(10f)]
    public void Extreme_temperatures_equal_the_oracle(float tau) => Check(new FeatureTransformOptions { Tau = tau }, 3, 65, 8);

    [Fact]
    public void A_bf16_queue_is_used_as_it_is_stored() => Check(new FeatureTransformOptions(), 3, 65, 8, ElementType.BFloat16);

    [Fact]
    public void Extrapolation_never_raises_a_positive_score()
    {
        (float[] q, float[] k, FeatureQueue queue) = Inputs(64, 32, 16, ElementType.Float32);
        var plain = new RowStatistics(64);
        var harder = new RowStatistics(64);
        using var step = new ContrastiveStep(new FeatureTransformOptions { Negative = NegativeTransform.None }, 64, 16);
        _ = step.Run(q, k, queue, 1, false, new float[q.Length], new float[q.Length], plain);
        _ = step.Run(q, k, queue, 1, true, new float[q.Length], new float[q.Length], harder);
        Assert.All(Enumerable.Range(0, 64), i => Assert.InRange(
            harder.PositiveScore[i], -4 + (5 * plain.PositiveScore[i]) - 1e-5f, plain.PositiveScore[i] + 1e-6f));
    }

    [Fact]
    public void Threads_change_no_bit_and_calls_allocate_nothing()
    {
        (float[] q, float[] k, FeatureQueue queue) = Inputs(100, 300, 24, ElementType.Float32);
        float[]? expected = null;
        foreach (int threads in new[] { 1, 2, 3, 7 })
        {
            using var step = new ContrastiveStep(new FeatureTransformOptions { NegativeScope = LambdaScope.Element }, 128, 24, threads);
            var (gradient, keys, statistics) = (new float[q.Length], new float[q.Length], new RowStatistics(128));
            for (int i = 0; i < 50; i++)
            {
                _ = step.Run(q, k, queue, 7, true, gradient, keys, statistics);
            }

            // Other tests make the thread pool's own queue grow, now and then on this thread's account.
            var allocated = new long[10];
            for (int i = 0; i < allocated.Length; i++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                _ = step.Run(q, k, queue, 7, true, gradient, keys, statistics);
                allocated[i] = GC.GetAllocatedBytesForCurrentThread() - before;
            }

            Assert.Contains(0, allocated);
            Assert.Equal(expected ??= gradient, gradient);
        }
    }

    [Fact]
    public void A_zero_row_has_zero_gradient_and_NaN_is_seen_in_the_loss()
    {
        (float[] q, float[] k, FeatureQueue queue) = Inputs(4, 40, 8, ElementType.Float32);
        Array.Clear(q, 8, 8);
        using var step = new ContrastiveStep(new FeatureTransformOptions(), 4, 8);
        var (gradient, keys, statistics) = (new float[32], new float[32], new RowStatistics(4));
        Assert.True(float.IsFinite(step.Run(q, k, queue, 0, true, gradient, keys, statistics)));
        Assert.All(gradient[8..16], x => Assert.Equal(0, x));
        Assert.Contains(gradient[..8], x => x != 0);
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity })
        {
            (float[] q2, float[] k2) = ((float[])q.Clone(), (float[])k.Clone());
            q2[3] = bad;
            Assert.True(float.IsNaN(step.Run(q2, k, queue, 0, true, gradient, keys, statistics)));
            k2[3] = bad;
            Assert.True(float.IsNaN(step.Run(q, k2, queue, 0, true, gradient, keys, statistics)));
        }
    }

    [Fact]
    public void Says_what_does_not_fit()
    {
        using var step = new ContrastiveStep(new FeatureTransformOptions(), 4, 8);
        var statistics = new RowStatistics(4);
        string Message(int q, int k, int c) => Assert.Throws<ArgumentException>(() => step.Run(
            new float[q], new float[k], new FeatureQueue(5, c), 0, true, new float[q], new float[q], statistics)).Message;
        Assert.Contains("N x 8", Message(33, 33, 8));
        Assert.Contains("N in 1..4", Message(40, 40, 8));
        Assert.Contains("32 floats", Message(32, 24, 8));
        Assert.Contains("8 channels", Message(32, 32, 9));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ContrastiveStep(new FeatureTransformOptions { Tau = 0 }, 4, 8));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ContrastiveStep(new FeatureTransformOptions { PositiveAlpha = 101 }, 4, 8));
    }

    private static void Check(FeatureTransformOptions options, int n, int k, int c, ElementType type = ElementType.Float32)
    {
        (float[] q, float[] key, FeatureQueue queue) = Inputs(n, k, c, type);
        float[] rows = type == ElementType.Float32
            ? queue.Float32.ToArray()
            : [.. queue.BFloat16.ToArray().Select(x => BitConverter.UInt32BitsToSingle((uint)x << 16))];
        using var step = new ContrastiveStep(options, n, c, 2);
        var (gradient, keys, statistics) = (new float[n * c], new float[n * c], new RowStatistics(n));
        float loss = step.Run(q, key, queue, 9, true, gradient, keys, statistics);
        CheckAll(options, q, key, rows, n, k, c, 9, loss, gradient, statistics);
    }

    /// <summary>Holds an fp32 step against the fp64 oracle: loss, statistics, and the gradient against finite differences.</summary>
    internal static void CheckAll(
        FeatureTransformOptions options, float[] q, float[] key, float[] queue, int n, int k, int c, uint step,
        float loss, float[] gradient, RowStatistics statistics)
    {
        var oracle = new ContrastiveOracle(options, [.. queue.Select(x => (double)x)], k, c, step);
        double[] qWide = [.. q.Select(x => (double)x)], kWide = [.. key.Select(x => (double)x)];
        double tolerance = Tolerance(options);
        Close(oracle.Loss(qWide, kWide, n), loss, tolerance, "loss");
        for (int i = 0; i < n; i++)
        {
            CheckRow(oracle.Row(qWide, kWide, i), statistics, i, k, tolerance);
        }

        double largest = gradient.Max(Math.Abs);
        for (int index = 0; index < q.Length; index += Math.Max(1, q.Length / 40))
        {
            const double h = 1e-6;
            double[] up = [.. qWide], down = [.. qWide];
            up[index] += h;
            down[index] -= h;
            double expected = (oracle.Loss(up, kWide, n) - oracle.Loss(down, kWide, n)) / (2 * h);
            Close(expected, gradient[index], (1e-5 / Math.Min(1, options.Tau) * largest) + 1e-7, $"gradient at {index}");
        }
    }

    internal static double Tolerance(FeatureTransformOptions options) => 3e-6 / Math.Min(1, options.Tau);

    internal static void CheckRow(OracleRow row, RowStatistics statistics, int i, int k, double tolerance)
    {
        Close(row.Loss, statistics.Loss[i], tolerance, $"loss of row {i}");
        Close(row.Positive, statistics.PositiveScore[i], 2e-6, $"p of row {i}");
        Close(row.Mean, statistics.NegativeMean[i], 1e-6, $"mean of row {i}");
        if (k > 1)
        {
            Close(row.Variance, statistics.NegativeVariance[i], 1e-6, $"variance of row {i}");
        }

        if (row.PositiveExp < 1e30 && row.Exp < 1e30)
        {
            Close(1, statistics.PositiveExp[i] / row.PositiveExp, 2 * tolerance, $"exp of row {i}");
            Close(1, statistics.NegativeExp[i] / row.Exp, 2 * tolerance, $"mean exp of row {i}");
        }

        Assert.Equal(row.Rank, statistics.Rank[i]);
    }

    // Written so that NaN fails.
    private static void Close(double expected, double actual, double tolerance, string what) =>
        Assert.True(
            Math.Abs(expected - actual) <= tolerance * Math.Max(1, Math.Abs(expected)),
            $"{what}: {actual:G9}, expected {expected:G9} within {tolerance:E1}");

    internal static (float[] Q, float[] K, FeatureQueue Queue) Inputs(int n, int k, int c, ElementType type)
    {
        float[] Draw(RandomUse use) => [.. Enumerable.Range(0, n * c).Select(
            i => (Philox.Element(21, 0, use, (ulong)i) / 2147483648f) - 1)];
        (float[] q, float[] noise) = (Draw(RandomUse.Augmentation), Draw(RandomUse.DataOrder));
        var queue = new FeatureQueue(k, c, type);
        queue.Initialize(4);
        return (q, [.. q.Zip(noise, (a, b) => a + (0.5f * b))], queue);
    }
}
