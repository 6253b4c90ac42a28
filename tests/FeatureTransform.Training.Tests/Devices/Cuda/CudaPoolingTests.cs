using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>What pooling is tested with.</summary>
public static class CudaPoolingShapes
{
    public static TheoryData<int, int, int, int, CudaPrecision> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int, int, int, CudaPrecision>();
            foreach (CudaPrecision precision in (CudaPrecision[])[CudaPrecision.Float32, CudaPrecision.BFloat16])
            {
                shapes.Add(2, 8, 8, 16, precision);
                shapes.Add(3, 5, 7, 48, precision);
                shapes.Add(1, 1, 1, 16, precision);
            }

            return shapes;
        }
    }
}

/// <summary>Pooling of the CUDA device: maxima exactly, means against fp64.</summary>
public abstract class CudaPoolingTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [MemberData(nameof(CudaPoolingShapes.Shapes), MemberType = typeof(CudaPoolingShapes))]
    public void A_maximum_and_its_gradient_are_exact(int n, int h, int w, int c, CudaPrecision precision)
    {
        using LayerBench bench = TDevice.Open(precision);
        int outH = (h + 1) / 2, outW = (w + 1) / 2;

        // Integers that bf16 holds, all negative and different within a channel of an image: padding is no maximum, and no two are equal.
        float[] x = [.. Enumerable.Range(0, n * h * w * c).Select(i => -1f - (((i / c % (h * w) * 37) + (i % c * 11)) % 251))];
        float[] dy = [.. Enumerable.Range(0, n * outH * outW * c).Select(i => 1f + (i % 13))];
        var (y, dx) = (new float[dy.Length], new float[x.Length]);
        for (int i = 0; i < y.Length; i++)
        {
            (int pixel, int channel) = (i / c, i % c);
            (int image, int top, int left) = (pixel / (outH * outW), (pixel / outW % outH * 2) - 1, (pixel % outW * 2) - 1);
            int[] window = [.. Enumerable.Range(0, 9).Select(tap => (Row: top + (tap / 3), Column: left + (tap % 3)))
                .Where(p => p.Row >= 0 && p.Row < h && p.Column >= 0 && p.Column < w)
                .Select(p => (((((image * h) + p.Row) * w) + p.Column) * c) + channel)];
            int best = window.MaxBy(at => x[at]);
            y[i] = x[best];
            dx[best] += dy[i];
        }

        Tensor input = bench.Image(x, n, h, w, c), gradient = bench.Image(dy, n, outH, outW, c);
        Tensor output = bench.Device.MaxPool(input, out Tensor indices);
        Assert.Equal((n, outH, outW, c), (output.N, output.H, output.W, output.C));
        Assert.Equal(y, bench.Read(output));
        Tensor inputGradient = bench.Device.MaxPoolBackward(gradient, input, indices);
        Assert.Equal(dx, bench.Read(inputGradient));
        bench.Free(input, gradient, output, indices, inputGradient);
    }

    [Theory]
    [MemberData(nameof(CudaPoolingShapes.Shapes), MemberType = typeof(CudaPoolingShapes))]
    public void A_mean_and_its_gradient_equal_the_formula(int n, int h, int w, int c, CudaPrecision precision)
    {
        using LayerBench bench = TDevice.Open(precision);
        float[] x = bench.Random(n * h * w * c, 1), dy = bench.Random(n * c, 2), plain = new float[n * c];
        double[] y = new double[n * c];
        for (int i = 0; i < x.Length; i++)
        {
            int at = (i / (h * w * c) * c) + (i % c);
            y[at] += (double)x[i] / (h * w);
            plain[at] += x[i] / (h * w);
        }

        Tensor input = bench.Image(x, n, h, w, c), output = bench.Device.GlobalAverage(input);
        Assert.Equal((n, 1, 1, c), (output.N, output.H, output.W, output.C));
        bench.AssertClose("y", bench.Read(output), y, plain, 2);
        Tensor gradient = bench.Image(dy, n, 1, 1, c), inputGradient = bench.Device.GlobalAverageBackward(gradient, h, w);
        Assert.Equal((n, h, w, c), (inputGradient.N, inputGradient.H, inputGradient.W, inputGradient.C));
        bench.AssertClose(
            "dx", bench.Read(inputGradient), [.. x.Select((_, i) => (double)dy[(i / (h * w * c) * c) + (i % c)] / (h * w))], [], 0);
        bench.Free(input, output, gradient, inputGradient);
    }
}

public sealed class CudaPoolingOnEmulator : CudaPoolingTests<OnEmulatedCuda>;

public sealed class CudaPoolingOnGpu : CudaPoolingTests<OnRealCuda>;
