using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>Parameters, optimiser and moving average of the CUDA device, with the copies that its layers read.</summary>
public abstract class CudaParameterTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [InlineData(CudaPrecision.Float32)]
    [InlineData(CudaPrecision.BFloat16)]
    public void What_is_written_is_read_and_layers_see_it_padded(CudaPrecision precision)
    {
        using LayerBench cuda = TDevice.Open(precision);
        ParameterLayout layout = Layout(out Parameter stem, out Parameter filter, out Parameter bias, out Parameter mean);
        using var store = (CudaParameterStore)cuda.Device.CreateStore(layout, trained: true);
        foreach ((Parameter parameter, int seed) in layout.Trained.Concat(layout.Buffers).Select((parameter, i) => (parameter, i)))
        {
            float[] values = Uniform((int)parameter.Count, seed);
            store.Write(parameter, values);
            Assert.Equal(values, DeviceBench.Value(store, parameter));
        }

        store.Refresh();
        AssertCopies(cuda, store, stem, filter, bias);
        store.WriteMomentum(filter, Uniform((int)filter.Count, 9));
        var momentum = new float[filter.Count];
        store.ReadMomentum(filter, momentum);
        Assert.Equal(Uniform((int)filter.Count, 9), momentum);
        Assert.Equal(Uniform((int)mean.Count, 4), DeviceBench.Value(store, mean));
    }

    [Theory]
    [InlineData(CudaPrecision.Float32)]
    [InlineData(CudaPrecision.BFloat16)]
    public void Sgd_and_the_moving_average_follow_their_equations(CudaPrecision precision)
    {
        using LayerBench cuda = TDevice.Open(precision);
        ParameterLayout layout = Layout(out Parameter stem, out Parameter filter, out Parameter bias, out _);
        using var store = (CudaParameterStore)cuda.Device.CreateStore(layout, trained: true);
        using var target = (CudaParameterStore)cuda.Device.CreateStore(layout, trained: false);
        bool half = precision == CudaPrecision.BFloat16;
        var weights = new Dictionary<Parameter, (double[] W, double[] V, double[] Target)>();
        foreach (Parameter parameter in layout.Trained)
        {
            float[] values = Uniform((int)parameter.Count, 1);
            store.Write(parameter, values);
            weights[parameter] = ([.. values], new double[values.Length], new double[values.Length]);
        }

        store.Refresh();
        for (int step = 0; step < 3; step++)
        {
            foreach (Parameter parameter in layout.Trained)
            {
                float[] gradient = [.. Uniform((int)parameter.Count, 10 + step).Select(value => half ? DeviceBench.Half(value) : value)];
                WriteGradient(cuda, store, parameter, gradient);
                Assert.Equal(gradient, DeviceBench.Gradient(store, parameter));
                (double[] w, double[] v, _) = weights[parameter];
                for (int i = 0; i < w.Length; i++)
                {
                    v[i] = (0.9f * v[i]) + gradient[i] + (5e-4f * w[i]);
                    w[i] -= 0.06f * v[i];
                }
            }

            cuda.Device.LearningRate = 0.06f;
            cuda.Device.Sgd(store, 0.9f, 5e-4f);
            cuda.Device.Ema(target, store, 0.75f);
            foreach ((double[] w, _, double[] average) in weights.Values)
            {
                for (int i = 0; i < w.Length; i++)
                {
                    average[i] = (0.75 * average[i]) + (0.25 * w[i]);
                }
            }
        }

        foreach ((Parameter parameter, (double[] w, _, double[] average)) in weights)
        {
            AssertClose(w, DeviceBench.Value(store, parameter));
            AssertClose(average, DeviceBench.Value(target, parameter));
        }

        AssertCopies(cuda, store, stem, filter, bias);
        AssertCopies(cuda, target, stem, filter, bias);
    }

    [Theory]
    [InlineData(CudaPrecision.Float32)]
    [InlineData(CudaPrecision.BFloat16)]
    public void Images_get_channels_of_zeros(CudaPrecision precision)
    {
        using LayerBench cuda = TDevice.Open(precision);
        float[] pixels = Uniform(3 * 5 * 5 * 3, 1);
        Tensor images = cuda.Device.Images(pixels, 3, 5);
        Assert.Equal((3, 5, 5, 8), (images.N, images.H, images.W, images.C));
        Assert.Equal(
            [.. pixels.Chunk(3).SelectMany(pixel => pixel.Select(value => Stored(value, precision)).Concat(new float[5]))],
            cuda.Read(images));
        cuda.Device.Free(images);
    }

    private static ParameterLayout Layout(out Parameter stem, out Parameter filter, out Parameter bias, out Parameter mean)
    {
        var layout = new ParameterLayout();
        stem = layout.Add("conv1.weight", ParameterKind.Convolution, 16, 3, 3, 3);
        _ = layout.Add("bn1.weight", ParameterKind.NormWeight, 5);
        filter = layout.Add("conv2.weight", ParameterKind.Convolution, 32, 16, 3, 3);
        bias = layout.Add("fc.bias", ParameterKind.LinearBias, 33);
        mean = layout.Add("bn1.running_mean", ParameterKind.RunningMean, 16);
        return layout;
    }

    private static unsafe void WriteGradient(LayerBench cuda, CudaParameterStore store, Parameter parameter, float[] gradient)
    {
        if (parameter.Kind != ParameterKind.Convolution)
        {
            DeviceCopies.Upload<float>(cuda.Device.Stream, gradient, store.GradientOf(parameter));
            return;
        }

        int padding = store.ChannelsOf(parameter) - parameter.Shape[1];
        float[] padded = [.. gradient.Chunk(parameter.Shape[1]).SelectMany(row => row.Concat(Enumerable.Repeat(1e9f, padding)))];
        if (store.RoundedWeights != 0)
        {
            ushort[] rounded = [.. padded.Select(value => (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16))];
            DeviceCopies.Upload<ushort>(cuda.Device.Stream, rounded, store.FilterGradientOf(parameter));
        }
        else
        {
            DeviceCopies.Upload<float>(cuda.Device.Stream, padded, store.FilterGradientOf(parameter));
        }

        store.FilterGradientWritten(parameter);
    }

    private static void AssertCopies(LayerBench cuda, CudaParameterStore store, params Parameter[] parameters)
    {
        foreach (Parameter parameter in parameters)
        {
            int rows = parameter.Kind == ParameterKind.Convolution ? (int)(parameter.Count / parameter.Shape[1]) : 1;
            int channels = parameter.Kind == ParameterKind.Convolution ? store.ChannelsOf(parameter) : parameter.Shape[0];
            Assert.Equal(parameter.Name == "conv1.weight" ? 8 : parameter.Shape.Length == 4 ? 16 : 33, channels);
            ElementType type = store.RoundedWeights == 0 ? ElementType.Float32 : ElementType.BFloat16;
            var view = new Tensor(1, (nint)store.WeightOf(parameter), type, rows, 1, 1, channels);
            float[] values = DeviceBench.Value(store, parameter);
            float[] expected =
            [
                .. values.Chunk(values.Length / rows).SelectMany(row => row
                    .Select(value => type == ElementType.BFloat16 ? DeviceBench.Half(value) : value)
                    .Concat(new float[channels - row.Length])),
            ];
            Assert.Equal(expected, cuda.Read(view));
        }
    }

    private static float Stored(float value, CudaPrecision precision) =>
        precision == CudaPrecision.BFloat16 ? DeviceBench.Half(value) : value;

    private static float[] Uniform(int count, int draw) =>
        [.. Enumerable.Range(0, count).Select(i => (Philox.Element(31, (uint)draw, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1)];

    private static void AssertClose(double[] expected, float[] given)
    {
        double bound = 16 * Math.ScaleB(expected.Max(Math.Abs), -24);
        Assert.All(expected.Zip(given), pair => Assert.InRange(pair.Second - pair.First, -bound, bound));
    }
}

public sealed class CudaParametersOnEmulator : CudaParameterTests<OnEmulatedCuda>;

public sealed class CudaParametersOnGpu : CudaParameterTests<OnRealCuda>;
