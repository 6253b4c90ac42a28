using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>
/// The gradient of each pattern is the slope of its own forward pass, along a direction: in fp32, without an oracle. Inputs keep away
/// from where a ReLU or a maximum turns.
/// </summary>
public abstract class CudaSlopeTests<TDevice>
    where TDevice : ILayerDevice
{
    private const int N = 4, Size = 6, C = 16, Count = N * Size * Size * C;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Of_a_batch_normalisation_with_ReLU(bool hasShortcut, bool twoSummands)
    {
        using LayerBench bench = TDevice.Open(CudaPrecision.Float32);
        (ParameterStore store, NormParameters norm) = bench.Norm(C);
        store.Write(norm.Bias, new float[C]);
        store.Refresh();

        // Two clusters, so that a normalised value is far from 0, as is the sum with a shortcut of its own sign.
        float[] signs = [.. bench.Random(Count, 1).Select(value => value < 0 ? -1f : 1f)];
        float[] x = [.. bench.Random(Count, 2).Select((value, i) => signs[i] + (value / 8))];
        float[] added = [.. bench.Random(Count, 3).Select((value, i) => signs[i] * (1.5f + value))];
        Compare(bench, x, device =>
        {
            (Tensor input, Tensor shortcut) = (default, hasShortcut ? Image(bench, added) : default);
            Tensor statistics = default, output = default;
            return new Pattern(
                image =>
                {
                    input = image;
                    return output = device.BatchNorm(image, shortcut, store, norm, relu: true, groups: 2, out statistics);
                },
                (ref Tensor dy) =>
                {
                    Tensor dy2 = twoSummands ? Split(bench, ref dy) : default;
                    Tensor dx = device.BatchNormBackward(
                        ref dy, dy2, input, output, store, norm, hasShortcut, relu: true, groups: 2, statistics);
                    bench.Free(dy2);
                    return dx;
                },
                () => bench.Free(shortcut, statistics));
        });
    }

    [Fact]
    public void Of_a_convolution()
    {
        using LayerBench bench = TDevice.Open(CudaPrecision.Float32);
        var layout = new ParameterLayout();
        Parameter weight = layout.Add("w", ParameterKind.Convolution, 32, C, 3, 3);
        ParameterStore store = bench.Store(layout);
        store.Write(weight, bench.Random((int)weight.Count, 4));
        store.Refresh();
        Compare(bench, bench.Random(Count, 1), device =>
        {
            Tensor input = default;
            return new Pattern(
                image => device.Convolution(input = image, store, weight, 2, 1),
                (ref Tensor dy) => device.ConvolutionBackward(dy, input, store, weight, 2, 1, inputGradient: true),
                () => { });
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_pooling(bool isMaximum)
    {
        using LayerBench bench = TDevice.Open(CudaPrecision.Float32);

        // No two values of a channel are closer than 1/8.
        float[] x = [.. Enumerable.Range(0, Count).Select(i => (((i / C * 7) + (i % C)) % (Size * Size)) / 8f)];
        Compare(bench, x, device =>
        {
            (Tensor input, Tensor indices) = (default, default);
            return new Pattern(
                image => isMaximum ? device.MaxPool(input = image, out indices) : device.GlobalAverage(image),
                (ref Tensor dy) => isMaximum ? device.MaxPoolBackward(dy, input, indices) : device.GlobalAverageBackward(dy, Size, Size),
                () => bench.Free(indices));
        });
    }

    private static Tensor Image(LayerBench bench, float[] values) => bench.Image(values, N, Size, Size, C);

    // (L(x + h d) - L(x - h d)) / 2h = dL/dx . d for L = sum of y g.
    private static void Compare(LayerBench bench, float[] x, Func<CudaDevice, Pattern> make)
    {
        const float step = 1f / 64;
        float[] direction = bench.Random(x.Length, 7), g = [];
        double above = Loss(Moved(step)), below = Loss(Moved(-step));
        Pattern pattern = make(bench.Device);
        Tensor input = Image(bench, x), output = pattern.Forward(input);
        Tensor dy = bench.Image(g, output.N, output.H, output.W, output.C), dx = pattern.Backward(ref dy);
        double slope = bench.Read(dx).Zip(direction, (a, b) => (double)a * b).Sum(), size = bench.Read(dx).Sum(value => (double)value * value);
        pattern.End();
        bench.Free(input, output, dy, dx);

        // Roundings of the sums, and the third derivative of a normalisation, which moves by about (step / deviation)^2.
        double bound = 0.01 * Math.Sqrt(size);
        Assert.True(Math.Abs(((above - below) / (2 * step)) - slope) <= bound, $"slope {(above - below) / (2 * step):R}, gradient {slope:R} within {bound:E2}");

        float[] Moved(float by) => [.. x.Select((value, i) => value + (by * direction[i]))];

        double Loss(float[] at)
        {
            Pattern forward = make(bench.Device);
            Tensor image = Image(bench, at), y = forward.Forward(image);
            float[] values = bench.Read(y);
            g = g.Length == 0 ? bench.Random(values.Length, 8) : g;
            forward.End();
            bench.Free(image, y);
            return values.Zip(g, (a, b) => (double)a * b).Sum();
        }
    }

    // dy as two summands: a quarter of it stays, the rest is returned.
    private static Tensor Split(LayerBench bench, ref Tensor dy)
    {
        float[] values = bench.Read(dy);
        bench.Free(dy);
        dy = Image(bench, [.. values.Select(value => value / 4)]);
        return Image(bench, [.. values.Select(value => value * 3 / 4)]);
    }

    private delegate Tensor BackwardPass(ref Tensor dy);

    private sealed record Pattern(Func<Tensor, Tensor> Forward, BackwardPass Backward, Action End);
}

public sealed class CudaSlopeOnEmulator : CudaSlopeTests<OnEmulatedCuda>;

public sealed class CudaSlopeOnGpu : CudaSlopeTests<OnRealCuda>;
