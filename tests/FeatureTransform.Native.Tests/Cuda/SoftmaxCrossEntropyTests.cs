using System.Numerics;
using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>softmax_cross_entropy against its formula in fp64.</summary>
public abstract class SoftmaxCrossEntropyTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(1, 1, 1, 1f)]
    [InlineData(5, 10, 12, 3f)]
    [InlineData(33, 1000, 1000, 5f)]
    [InlineData(7, 129, 131, 30f)]
    [InlineData(3, 2, 4, 1000f)]
    [InlineData(257, 31, 32, 1f)]
    [InlineData(4, 257, 257, 1e-3f)]
    public void Losses_and_gradient_equal_the_oracle(int n, int classes, int stride, float scale)
    {
        using KernelDevice device = TDevice.Open();
        (float[] logits, int[] labels) = Logits(n, classes, scale);
        (double[] oracle, double[] gradient) = Plain<double>(logits, labels, classes);
        (float[] plain, float[] plainGradient) = Plain<float>(logits, labels, classes);
        double largest = Math.Max(1, oracle.Max());
        foreach (bool inPlace in new[] { false, true })
        {
            Result actual = Run(device, logits, labels, classes, stride, inPlace ? Gradient.InPlace : Gradient.Elsewhere);
            string at = $" of {n} x {classes} logits up to {scale}, {(inPlace ? "in place" : "elsewhere")}";
            Accuracy.Check("loss" + at, 2, 1.2e-7 * largest, oracle, plain, actual.Losses);
            Accuracy.Check("gradient" + at, 3, 1.2e-7 / n, gradient, plainGradient, actual.Slopes);
            Accuracy.Check("mean" + at, 1.2e-7 * largest, [actual.Losses.Average(x => (double)x)], [actual.Mean]);
        }

        Accuracy.SameBits(
            "losses alone", Run(device, logits, labels, classes, stride, Gradient.Elsewhere).Losses,
            Run(device, logits, labels, classes, stride, Gradient.None).Losses);
    }

    [Fact]
    public void NaN_and_infinity_are_seen_in_the_loss_of_their_row_alone()
    {
        using KernelDevice device = TDevice.Open();
        (float[] logits, int[] labels) = Logits(3, 40, 1);
        logits[50] = float.NaN;
        Result actual = Run(device, logits, labels, 40, 40, Gradient.Elsewhere);
        Assert.Equal([false, true, false], actual.Losses.Select(float.IsNaN));
        Assert.True(float.IsNaN(actual.Mean));
        Assert.DoesNotContain(actual.Slopes[..40], float.IsNaN);
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        (float[] logits, int[] labels) = Logits(300, 67, 3);
        Result actual = Run(device, logits, labels, 67, 68, Gradient.InPlace);
        return MemoryMarshal.AsBytes<float>([.. actual.Losses, .. actual.Slopes, actual.Mean]).ToArray();
    }

    private static (float[] Logits, int[] Labels) Logits(int n, int classes, float scale)
    {
        var random = new System.Random(8);
        return ([.. Inputs.Uniform(n * classes, 7).Select(x => scale * x)], [.. Enumerable.Range(0, n).Select(_ => random.Next(classes))]);
    }

    private static Result Run(KernelDevice device, float[] logits, int[] labels, int classes, int stride, Gradient where)
    {
        int n = labels.Length;
        float[] strided = new float[n * stride];
        Array.Fill(strided, BitConverter.UInt32BitsToSingle(uint.MaxValue));
        for (int i = 0; i < logits.Length; i++)
        {
            strided[(i / classes * stride) + (i % classes)] = logits[i];
        }

        DeviceArray<float> source = device.Guarded<float>(strided), losses = device.Poisoned<float>(n), mean = device.Poisoned<float>(1);
        DeviceArray<float> gradient = where == Gradient.InPlace ? source : device.Poisoned<float>(n * stride);
        new SoftmaxCrossEntropy(device.Kernels).Launch(device.Stream, new SoftmaxCrossEntropyArgs
        {
            Logits = source.Address,
            Labels = device.Upload<int>(labels).Address,
            Gradient = where == Gradient.None ? 0 : gradient.Address,
            Losses = losses.Address,
            Mean = mean.Address,
            Stride = (ulong)stride,
            N = (uint)n,
            Classes = (uint)classes,
        });
        float[][] rows = [.. gradient.Read().Chunk(stride)];
        Assert.All(rows, row => Assert.All(row[classes..], x => Assert.True(float.IsNaN(x))));
        return new Result(losses.Read(), [.. rows.SelectMany(row => row[..classes])], mean.Read()[0]);
    }

    private static (T[] Losses, T[] Gradient) Plain<T>(float[] logits, int[] labels, int classes)
        where T : IFloatingPointIeee754<T>
    {
        var (losses, gradient) = (new T[labels.Length], new T[logits.Length]);
        T n = T.CreateChecked(labels.Length);
        for (int i = 0; i < labels.Length; i++)
        {
            T[] row = PlainContrast<T>.Row(logits, i, classes);
            T largest = row.Max()!, sum = T.Zero;
            foreach (T x in row)
            {
                sum += T.Exp(x - largest);
            }

            losses[i] = T.Log(sum) + largest - row[labels[i]];
            for (int j = 0; j < classes; j++)
            {
                gradient[(i * classes) + j] = ((T.Exp(row[j] - largest) / sum) - (j == labels[i] ? T.One : T.Zero)) / n;
            }
        }

        return (losses, gradient);
    }

    private enum Gradient
    {
        None,
        Elsewhere,
        InPlace,
    }

    private sealed record Result(float[] Losses, float[] Slopes, float Mean);
}

public sealed class SoftmaxCrossEntropyOnEmulator : SoftmaxCrossEntropyTests<OnEmulator>;

public sealed class SoftmaxCrossEntropyOnGpu : SoftmaxCrossEntropyTests<OnGpu>;
