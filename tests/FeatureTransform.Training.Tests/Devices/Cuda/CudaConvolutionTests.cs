using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>What a convolution is tested with.</summary>
public static class CudaConvolutionShapes
{
    public static TheoryData<int, int, int, int, int, int, int, CudaPrecision> Shapes
    {
        get
        {
            var shapes = new TheoryData<int, int, int, int, int, int, int, CudaPrecision>();
            foreach (CudaPrecision precision in Enum.GetValues<CudaPrecision>())
            {
                // n, h, w, c, k, filter, stride
                shapes.Add(2, 5, 5, 3, 16, 3, 1, precision); // the stems: channels are padded
                shapes.Add(3, 9, 9, 3, 32, 7, 2, precision);
                shapes.Add(3, 7, 5, 16, 32, 3, 1, precision);
                shapes.Add(2, 7, 6, 16, 48, 3, 2, precision);
                shapes.Add(2, 5, 4, 32, 16, 1, 2, precision);
                shapes.Add(3, 5, 7, 16, 80, 1, 1, precision);
                shapes.Add(1, 1, 1, 16, 16, 3, 1, precision);
                shapes.Add(17, 4, 4, 64, 64, 3, 1, precision);
            }

            return shapes;
        }
    }
}

/// <summary>Convolutions of the CUDA device against their sums in fp64.</summary>
public abstract class CudaConvolutionTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [MemberData(nameof(CudaConvolutionShapes.Shapes), MemberType = typeof(CudaConvolutionShapes))]
    public void Equals_the_sum(int n, int h, int w, int c, int k, int filter, int stride, CudaPrecision precision)
    {
        using LayerBench bench = TDevice.Open(precision);
        var f = new LayerOracle.Filter(n, h, w, c, k, filter, stride, filter / 2);
        (float[] x, float[] filters, float[] dy) = CudaConvolution.Numbers(bench, f);
        CudaConvolution given = CudaConvolution.Run(bench, f, x, filters, dy);
        if (precision == CudaPrecision.TensorFloat32)
        {
            (double[] y, double[] dx, double[] dw) = LayerOracle.Convolution<double>(f, x, filters, dy);
            (double[] sizeY, double[] sizeDx, double[] sizeDw) = LayerOracle.Convolution<double>(f, Sizes(x), Sizes(filters), Sizes(dy));
            LayerNumbers.AssertWithinTf32("y", given.Y, y, sizeY, f.R * f.R * c);
            LayerNumbers.AssertWithinTf32("dx", given.Dx ?? [], given.Dx is null ? [] : dx, sizeDx, f.R * f.R * k);
            LayerNumbers.AssertWithinTf32("dw", given.Dw, dw, sizeDw, n * f.OutH * f.OutW);
        }
        else
        {
            given.AssertClose(bench, f, x, filters, dy);
        }

        static float[] Sizes(float[] values) => [.. values.Select(Math.Abs)];
    }

    [Fact]
    public void Refuses_other_channels_than_the_filters()
    {
        using LayerBench bench = TDevice.Open(CudaPrecision.Float32);
        var layout = new ParameterLayout();
        Parameter weight = layout.Add("conv", ParameterKind.Convolution, 16, 32, 3, 3);
        ParameterStore store = bench.Store(layout);
        Tensor x = bench.Image(new float[16], 1, 1, 1, 16);
        Assert.Contains(
            "conv has 32 channels, its input 16",
            Assert.Throws<ArgumentException>(() => bench.Device.Convolution(x, store, weight, 1, 1)).Message);
        bench.Free(x);
    }
}

public sealed class CudaConvolutionOnEmulator : CudaConvolutionTests<OnEmulatedCuda>
{
    /// <summary>That the factors are rounded, by no more and no less: a device may cut them in other ways.</summary>
    [Theory]
    [InlineData(2, 5, 5, 3, 16, 3, 1)]
    [InlineData(2, 7, 6, 16, 48, 3, 2)]
    [InlineData(3, 5, 7, 16, 80, 1, 1)]
    public void Equals_the_sum_of_factors_that_are_rounded_to_TF32(int n, int h, int w, int c, int k, int filter, int stride)
    {
        using var cuda = new EmulatedCuda(CudaPrecision.TensorFloat32);
        using var bench = new LayerBench(cuda.Device, CudaPrecision.TensorFloat32, () => { });
        var f = new LayerOracle.Filter(n, h, w, c, k, filter, stride, filter / 2);
        (float[] x, float[] filters, float[] dy) = CudaConvolution.Numbers(bench, f);
        CudaConvolution.Run(bench, f, x, filters, dy).AssertClose(bench, f, Rounded(x), Rounded(filters), Rounded(dy));

        static float[] Rounded(float[] values) => [.. values.Select(LayerNumbers.Tf32)];
    }
}

public sealed class CudaConvolutionOnGpu : CudaConvolutionTests<OnRealCuda>;

/// <summary>What a device computes of one convolution; no dx of a stem, whose input gradient nobody wants.</summary>
internal sealed record CudaConvolution(float[] Y, float[]? Dx, float[] Dw)
{
    public static (float[] X, float[] W, float[] Dy) Numbers(LayerBench bench, LayerOracle.Filter f) =>
        (bench.Random(f.InCount, 1), bench.Random(f.WeightCount, 2), bench.Random(f.OutCount, 3));

    public static CudaConvolution Run(LayerBench bench, LayerOracle.Filter f, float[] x, float[] w, float[] dy)
    {
        var layout = new ParameterLayout();
        _ = layout.Add("before", ParameterKind.LinearBias, 5);
        Parameter weight = layout.Add("w", ParameterKind.Convolution, f.K, f.C, f.R, f.R);
        ParameterStore store = bench.Store(layout);
        store.Write(weight, w);
        store.Refresh();

        Tensor input = bench.Image(x, f.N, f.H, f.W, f.C);
        Tensor output = bench.Device.Convolution(input, store, weight, f.Stride, f.Padding);
        Assert.Equal((f.N, f.OutH, f.OutW, f.K), (output.N, output.H, output.W, output.C));
        float[] y = bench.Read(output);

        Tensor gradient = bench.Image(dy, f.N, f.OutH, f.OutW, f.K);
        bool isStem = f.C == 3;
        Tensor inputGradient = bench.Device.ConvolutionBackward(gradient, input, store, weight, f.Stride, f.Padding, !isStem);
        Assert.Equal(!isStem, inputGradient.Exists);
        var result = new CudaConvolution(y, isStem ? null : bench.Read(inputGradient), DeviceBench.Gradient(store, weight));
        bench.Free(input, output, gradient, inputGradient);
        return result;
    }

    /// <summary>As close to the sums of these numbers in fp64 as a plain loop in fp32.</summary>
    public void AssertClose(LayerBench bench, LayerOracle.Filter f, float[] x, float[] w, float[] dy)
    {
        (double[] y, double[] dx, double[] dw) = LayerOracle.Convolution<double>(f, x, w, dy);
        (float[] plainY, float[] plainDx, float[] plainDw) = LayerOracle.Convolution<float>(f, x, w, dy);
        bench.AssertClose("y", Y, y, plainY, 2);
        if (Dx is not null)
        {
            bench.AssertClose("dx", Dx, dx, plainDx, 3);
        }

        bench.AssertClose("dw", Dw, dw, plainDw, 3);
    }
}
