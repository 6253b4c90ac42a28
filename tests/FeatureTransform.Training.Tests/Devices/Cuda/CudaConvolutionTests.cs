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
            foreach (CudaPrecision precision in (CudaPrecision[])[CudaPrecision.Float32, CudaPrecision.BFloat16])
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
        var layout = new ParameterLayout();
        _ = layout.Add("before", ParameterKind.LinearBias, 5);
        Parameter weight = layout.Add("w", ParameterKind.Convolution, f.K, f.C, f.R, f.R);
        ParameterStore store = bench.Store(layout);
        (float[] x, float[] filters, float[] dy) = (bench.Random(f.InCount, 1), bench.Random(f.WeightCount, 2), bench.Random(f.OutCount, 3));
        store.Write(weight, filters);
        store.Refresh();
        (double[] y, double[] dx, double[] dw) = LayerOracle.Convolution<double>(f, x, filters, dy);
        (float[] plainY, float[] plainDx, float[] plainDw) = LayerOracle.Convolution<float>(f, x, filters, dy);

        Tensor input = bench.Image(x, n, h, w, c);
        Tensor output = bench.Device.Convolution(input, store, weight, stride, f.Padding);
        Assert.Equal((n, f.OutH, f.OutW, k), (output.N, output.H, output.W, output.C));
        bench.AssertClose("y", bench.Read(output), y, plainY, 2);

        Tensor gradient = bench.Image(dy, n, f.OutH, f.OutW, k);
        bool isStem = c == 3; // whose input gradient nobody wants
        Tensor inputGradient = bench.Device.ConvolutionBackward(gradient, input, store, weight, stride, f.Padding, !isStem);
        Assert.Equal(!isStem, inputGradient.Exists);
        if (!isStem)
        {
            bench.AssertClose("dx", bench.Read(inputGradient), dx, plainDx, 3);
        }

        bench.AssertClose("dw", DeviceBench.Gradient(store, weight), dw, plainDw, 3);
        bench.Free(input, output, gradient, inputGradient);
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

public sealed class CudaConvolutionOnEmulator : CudaConvolutionTests<OnEmulatedCuda>;

public sealed class CudaConvolutionOnGpu : CudaConvolutionTests<OnRealCuda>;
