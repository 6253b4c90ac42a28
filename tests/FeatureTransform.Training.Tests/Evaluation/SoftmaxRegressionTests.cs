using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;
using Xunit;

namespace FeatureTransform.Training.Tests.Evaluation;

public sealed class SoftmaxRegressionTests
{
    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(7, 5, 3)]
    [InlineData(33, 17, 16)]
    [InlineData(31, 65, 33)]
    public void A_step_follows_the_gradient_that_finite_differences_give(int n, int c, int classes)
    {
        FeatureSet set = Set(n, c, classes, 1);
        var standardization = new Standardization(Random(c, 2), [.. Random(c, 3).Select(x => 1 + (x / 2))]);
        using var model = new CpuSoftmaxRegression(standardization, classes, n, 2);
        for (int label = 0; label < classes; label++)
        {
            for (int channel = 0; channel <= c; channel++)
            {
                model.Weight(label, channel) = Random(1, 10 + (uint)((label * (c + 1)) + channel))[0];
            }
        }

        double[,] weights = Weights(model, classes, c);
        int[] rows = [.. Enumerable.Range(0, n).Reverse()];
        const float rate = 0.125f;
        model.Step(set, rows, 0, n, rate, 0.9f);
        double loss = model.TakeLoss();
        double expectedLoss = Loss(set, standardization, weights);
        Assert.True(Math.Abs(loss - expectedLoss) <= 2e-6 * (1 + expectedLoss), $"loss {loss}, expected {expectedLoss}");
        const double h = 1e-5;
        for (int label = 0; label < classes; label++)
        {
            for (int channel = 0; channel <= c; channel++)
            {
                double at = weights[label, channel];
                weights[label, channel] = at + h;
                double above = Loss(set, standardization, weights);
                weights[label, channel] = at - h;
                double below = Loss(set, standardization, weights);
                weights[label, channel] = at;
                double expected = (above - below) / (2 * h), given = (at - model.Weight(label, channel)) / rate;
                Assert.True(Math.Abs(given - expected) <= 3e-6, $"class {label}, channel {channel}: {given}, expected {expected}");
            }
        }
    }

    [Fact]
    public void Many_steps_equal_sgd_in_double() =>
        RequireSgdInDouble((standardization, classes, batch) => new CpuSoftmaxRegression(standardization, classes, batch, 2));

    [Fact]
    public void Standardized_channels_have_mean_0_and_variance_1_over_the_rows()
    {
        FeatureSet set = new([1, 5, 3, 5, 100, 5, 5, 5], [0, 0, 0, 0], 2);
        Standardization map = Standardization.Of(set, [0, 1, 3]); // 1, 3, 5: mean 3, variance 8/3
        Assert.Equal([3f, 5f], map.Mean);
        Assert.Equal(1 / Math.Sqrt((8.0 / 3) + 1e-5), map.Scale[0], 1e-6);
        Assert.Equal(1 / Math.Sqrt(1e-5), map.Scale[1], 1e-3);
    }

    [Fact]
    public void Threads_change_no_bit()
    {
        float[] one = Trained(1);
        Assert.Equal(one, Trained(2));
        Assert.Equal(one, Trained(5));

        static float[] Trained(int threads)
        {
            FeatureSet set = Set(300, 150, 21, 5);
            using var model = new CpuSoftmaxRegression(Standardization.Identity(150), 21, 128, threads);
            for (int step = 0; step < 6; step++)
            {
                model.Step(set, [.. Enumerable.Range(0, 300)], step % 3 * 128, step % 3 == 2 ? 44 : 128, 0.1f, 0.9f);
            }

            return [.. from label in Enumerable.Range(0, 21) from channel in Enumerable.Range(0, 151) select model.Weight(label, channel)];
        }
    }

    /// <summary>Weights and losses of 40 steps are those of the formulas in double.</summary>
    internal static void RequireSgdInDouble(Func<Standardization, int, int, ISoftmaxRegression> create)
    {
        const int n = 50, c = 21, classes = 5, batch = 16, steps = 40;
        FeatureSet set = Set(n, c, classes, 4);
        Standardization standardization = Standardization.Of(set, [.. Enumerable.Range(0, n)]);
        using ISoftmaxRegression model = create(standardization, classes, batch);
        var weights = new double[classes, c + 1];
        var velocity = new double[classes, c + 1];
        int[] order = RandomSubset.Shuffle(n, 1, RandomSubset.Purpose.ProbeOrder);
        double losses = 0;
        for (int step = 0; step < steps; step++)
        {
            int first = step % 4 * batch, count = Math.Min(batch, n - first); // the last batch has 2
            model.Step(set, order, first, count, 0.05f, 0.9f);
            FeatureSet part = set.Rows(order.AsSpan(first, count));
            losses += Loss(part, standardization, weights);
            double[,] gradient = Gradient(part, standardization, weights);
            for (int i = 0; i < weights.Length; i++)
            {
                (int label, int channel) = Math.DivRem(i, c + 1);
                velocity[label, channel] = (0.9f * velocity[label, channel]) + gradient[label, channel];
                weights[label, channel] -= 0.05f * velocity[label, channel];
            }
        }

        var given = new float[weights.Length];
        model.Read(given);
        Assert.All(given.Zip(weights.Cast<double>()), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
        Assert.Equal(losses / steps, model.TakeLoss(), 1e-5);

        int[] best = [.. Enumerable.Range(0, n).Select(row => ArgMax(Probabilities(set, standardization, weights, row, out _)))];
        Assert.Equal(100.0 * best.Zip(set.Labels).Count(pair => pair.First == pair.Second) / n, model.Score(set, order).Top1, 1e-9);

        static int ArgMax(double[] values) => Array.IndexOf(values, values.Max());
    }

    private static double[,] Weights(CpuSoftmaxRegression model, int classes, int c)
    {
        var weights = new double[classes, c + 1];
        for (int i = 0; i < weights.Length; i++)
        {
            (int label, int channel) = Math.DivRem(i, c + 1);
            weights[label, channel] = model.Weight(label, channel);
        }

        return weights;
    }

    private static double[] Probabilities(FeatureSet set, Standardization map, double[,] weights, int row, out double[] x)
    {
        int c = set.C, classes = weights.GetLength(0);
        x = [.. Enumerable.Range(0, c).Select(i => ((double)set.Values[(row * c) + i] - map.Mean[i]) * map.Scale[i]), 1];
        var exps = new double[classes];
        for (int label = 0; label < classes; label++)
        {
            double logit = 0;
            for (int channel = 0; channel <= c; channel++)
            {
                logit += weights[label, channel] * x[channel];
            }

            exps[label] = Math.Exp(logit);
        }

        return [.. exps.Select(e => e / exps.Sum())];
    }

    private static double Loss(FeatureSet set, Standardization map, double[,] weights) =>
        Enumerable.Range(0, set.Count).Average(row => -Math.Log(Probabilities(set, map, weights, row, out _)[set.Labels[row]]));

    private static double[,] Gradient(FeatureSet set, Standardization map, double[,] weights)
    {
        var gradient = new double[weights.GetLength(0), weights.GetLength(1)];
        for (int row = 0; row < set.Count; row++)
        {
            double[] p = Probabilities(set, map, weights, row, out double[] x);
            for (int i = 0; i < gradient.Length; i++)
            {
                (int label, int channel) = Math.DivRem(i, x.Length);
                gradient[label, channel] += (p[label] - (label == set.Labels[row] ? 1 : 0)) * x[channel] / set.Count;
            }
        }

        return gradient;
    }

    private static FeatureSet Set(int n, int c, int classes, uint draw) =>
        new(Random(n * c, draw), [.. Enumerable.Range(0, n).Select(i => (i * 7) % classes)], c);

    private static float[] Random(int count, uint step) =>
        [.. Enumerable.Range(0, count).Select(i => (Philox.Element(17, step, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1)];
}
