using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

public sealed class ConvolutionTests
{
    public static TheoryData<int, int, int, int, int, int, int> Shapes => new()
    {
        // n, h, w, c, k, filter, stride
        { 2, 5, 5, 3, 16, 3, 1 },
        { 1, 5, 5, 3, 16, 3, 1 },
        { 3, 9, 9, 3, 32, 7, 2 },
        { 1, 9, 9, 3, 16, 7, 2 },
        { 3, 7, 5, 16, 32, 3, 1 },
        { 2, 7, 6, 16, 48, 3, 2 },
        { 1, 4, 3, 48, 16, 3, 2 },
        { 2, 5, 4, 32, 16, 1, 2 },
        { 3, 5, 7, 16, 80, 1, 1 },
        { 1, 4, 4, 16, 16, 1, 1 },
        { 1, 2, 2, 16, 32, 1, 2 },
        { 1, 1, 1, 16, 16, 3, 1 },
        { 5, 1, 1, 32, 16, 3, 2 },
        { 2, 1, 1, 32, 48, 1, 1 },
        { 3, 2, 2, 16, 32, 3, 2 },
        { 17, 4, 4, 64, 64, 3, 1 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_sum_in_fp32(int n, int h, int w, int c, int k, int filter, int stride) =>
        Compare(ElementType.Float32, new LayerOracle.Filter(n, h, w, c, k, filter, stride, filter / 2));

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Equals_the_sum_in_bf16(int n, int h, int w, int c, int k, int filter, int stride) =>
        Compare(ElementType.BFloat16, new LayerOracle.Filter(n, h, w, c, k, filter, stride, filter / 2));

    [Fact]
    public void The_oracles_gradient_is_the_slope_of_its_forward_pass()
    {
        var f = new LayerOracle.Filter(2, 5, 4, 3, 2, 3, 2, 1);
        using var bench = new DeviceBench(ElementType.Float32);
        (float[] x, float[] w, float[] dy) = (bench.Random(f.InCount, 1), bench.Random(f.WeightCount, 2), bench.Random(f.OutCount, 3));
        (double[] y, double[] dx, double[] dw) = LayerOracle.Convolution<double>(f, x, w, dy);

        // Linear in x and in w: one finite step gives the exact slope.
        foreach (int i in new[] { 0, 17, f.InCount - 1 })
        {
            float[] moved = [.. x];
            moved[i] += 0.5f;
            double[] after = LayerOracle.Convolution<double>(f, moved, w, dy).Y;
            Assert.Equal(dx[i], y.Select((value, j) => (after[j] - value) * dy[j]).Sum() / ((double)moved[i] - x[i]), 1e-12);
        }

        foreach (int i in new[] { 0, 8, f.WeightCount - 1 })
        {
            float[] moved = [.. w];
            moved[i] += 0.5f;
            double[] after = LayerOracle.Convolution<double>(f, x, moved, dy).Y;
            Assert.Equal(dw[i], y.Select((value, j) => (after[j] - value) * dy[j]).Sum() / ((double)moved[i] - w[i]), 1e-12);
        }
    }

    private static void Compare(ElementType type, LayerOracle.Filter f)
    {
        using var bench = new DeviceBench(type);
        CpuDevice device = bench.Device;
        var layout = new ParameterLayout();
        _ = layout.Add("before", ParameterKind.LinearBias, 5);
        Parameter weight = layout.Add("w", ParameterKind.Convolution, f.K, f.C, f.R, f.R);
        ParameterStore store = bench.Store(layout);
        (float[] x, float[] w, float[] dy) = (bench.Random(f.InCount, 1), bench.Random(f.WeightCount, 2), bench.Random(f.OutCount, 3));
        store.Write(weight, w);
        store.Refresh();
        (double[] y, double[] dx, double[] dw) = LayerOracle.Convolution<double>(f, x, w, dy);
        (float[] plainY, float[] plainDx, float[] plainDw) = LayerOracle.Convolution<float>(f, x, w, dy);

        Tensor input = bench.Image(x, f.N, f.H, f.W, f.C);
        bench.Poison(f.OutCount);
        Tensor output = device.Convolution(input, store, weight, f.Stride, f.Padding);
        Assert.Equal((f.N, f.OutH, f.OutW, f.K), (output.N, output.H, output.W, output.C));
        bench.AssertClose("y", bench.Read(output), y, plainY, 2, stored: true);

        Tensor gradient = bench.Image(dy, f.N, f.OutH, f.OutW, f.K);
        bench.Poison(f.WeightCount);
        Tensor inputGradient = device.ConvolutionBackward(gradient, input, store, weight, f.Stride, f.Padding, inputGradient: true);
        bench.AssertClose("dx", bench.Read(inputGradient), dx, plainDx, 3, stored: true);
        bench.AssertClose("dw", DeviceBench.Gradient(store, weight), dw, plainDw, 3, stored: true);

        bench.Poison(f.WeightCount);
        Assert.False(device.ConvolutionBackward(gradient, input, store, weight, f.Stride, f.Padding, inputGradient: false).Exists);
        bench.AssertClose("dw alone", DeviceBench.Gradient(store, weight), dw, plainDw, 3, stored: true);
        foreach (Tensor tensor in new[] { input, output, gradient, inputGradient })
        {
            device.Free(tensor);
        }
    }
}
