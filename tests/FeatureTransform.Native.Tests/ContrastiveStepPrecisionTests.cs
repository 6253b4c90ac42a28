using System.Numerics;
using Xunit;

namespace FeatureTransform.Native.Tests;

/// <summary>The same plain code in fp32 and in fp64: one is the measure of the error, the other the truth.</summary>
public sealed class ContrastiveStepPrecisionTests
{
    [Theory]
    [InlineData(0.02f)]
    [InlineData(0.07f)]
    [InlineData(0.2f)]
    [InlineData(2f)]
    public void Errors_are_within_those_of_plain_fp32_code(float tau)
    {
        const int n = 40, k = 3000, c = 64;
        float[] Draw(RandomUse use) => [.. Enumerable.Range(0, n * c).Select(
            i => (Philox.Element(23, 0, use, (ulong)i) / 2147483648f) - 1)];
        float[] q = Draw(RandomUse.Augmentation), key = [.. q.Zip(Draw(RandomUse.DataOrder), (a, b) => a + (0.5f * b))];
        var queue = new FeatureQueue(k, c);
        queue.Initialize(4);
        var options = new FeatureTransformOptions { Tau = tau, Positive = PositiveTransform.None, Negative = NegativeTransform.None };
        using var step = new ContrastiveStep(options, n, c);
        var (gradient, statistics) = (new float[n * c], new RowStatistics(n));
        _ = step.Run(q, key, queue, 0, true, gradient, new float[n * c], statistics);

        (double[] loss, double[] slope) = Plain<double>(q, key, queue.Float32.ToArray(), n, k, c, tau);
        (float[] plainLoss, float[] plainSlope) = Plain<float>(q, key, queue.Float32.ToArray(), n, k, c, tau);
        Compare("loss", loss, plainLoss, statistics.Loss, 2, 2e-7 * loss.Max());
        Compare("gradient", slope, plainSlope, gradient, 3, 1e-7 * slope.Max(Math.Abs));
    }

    private static void Compare(string what, double[] exact, float[] plain, float[] actual, double times, double floor)
    {
        double allowed = (times * exact.Zip(plain, (a, b) => Math.Abs(a - b)).Max()) + floor;
        for (int i = 0; i < exact.Length; i++)
        {
            Assert.True(Math.Abs(exact[i] - actual[i]) <= allowed, $"{what} at {i}: {actual[i]:G9}, exact {exact[i]:G9}, allowed {allowed:E2}");
        }
    }

    // InfoNCE as one writes it from the formulas: sums in order, softmax with the maximum taken out.
    private static (T[] Loss, T[] Gradient) Plain<T>(float[] qRaw, float[] kRaw, float[] queue, int n, int k, int c, float tau)
        where T : IFloatingPointIeee754<T>
    {
        var (loss, gradient) = (new T[n], new T[n * c]);
        T[] z = [.. queue.Select(T.CreateChecked)];
        T temperature = T.CreateChecked(tau);
        for (int i = 0; i < n; i++)
        {
            (T[] q, T norm) = Unit<T>(qRaw.AsSpan(i * c, c));
            (T[] key, _) = Unit<T>(kRaw.AsSpan(i * c, c));
            var logits = new T[k + 1];
            logits[k] = Dot(q, key) / temperature;
            for (int j = 0; j < k; j++)
            {
                logits[j] = Dot(q, z.AsSpan(j * c, c)) / temperature;
            }

            T largest = logits.Max()!, sum = T.Zero;
            T[] weights = [.. logits.Select(x => T.Exp(x - largest))];
            foreach (T weight in weights)
            {
                sum += weight;
            }

            loss[i] = largest + T.Log(sum) - logits[k];
            var slope = new T[c];
            for (int j = 0; j <= k; j++)
            {
                T share = (weights[j] / sum) - (j == k ? T.One : T.Zero);
                for (int channel = 0; channel < c; channel++)
                {
                    slope[channel] += share * (j == k ? key[channel] : z[(j * c) + channel]);
                }
            }

            T along = Dot(q, slope);
            for (int channel = 0; channel < c; channel++)
            {
                gradient[(i * c) + channel] = (slope[channel] - (q[channel] * along)) / (norm * temperature * T.CreateChecked(n));
            }
        }

        return (loss, gradient);
    }

    private static (T[] Unit, T Norm) Unit<T>(ReadOnlySpan<float> raw)
        where T : IFloatingPointIeee754<T>
    {
        var v = new T[raw.Length];
        for (int i = 0; i < v.Length; i++)
        {
            v[i] = T.CreateChecked(raw[i]);
        }

        T norm = T.Sqrt(Dot<T>(v, v));
        return ([.. v.Select(x => x / norm)], norm);
    }

    private static T Dot<T>(ReadOnlySpan<T> a, ReadOnlySpan<T> b)
        where T : IFloatingPointIeee754<T>
    {
        T sum = T.Zero;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
