using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>A kind of CUDA device that tests of layers run on.</summary>
public interface ILayerDevice
{
    /// <summary>Opens one; skips the test with the reason where there is none.</summary>
    internal static abstract LayerBench Open(CudaPrecision precision);
}

/// <summary>The emulator with its cuDNN and cuBLASLt: a test ends with an empty list of findings.</summary>
public sealed class OnEmulatedCuda : ILayerDevice
{
    static LayerBench ILayerDevice.Open(CudaPrecision precision)
    {
        var cuda = new EmulatedCuda(precision);
        return new LayerBench(cuda.Device, precision, cuda.Dispose);
    }
}

/// <summary>
/// The machine's own device with the real libraries. Without them the tests are skipped; FT_REQUIRE_GPU=1 makes that a failure.
/// </summary>
public sealed class OnRealCuda : ILayerDevice
{
    static LayerBench ILayerDevice.Open(CudaPrecision precision)
    {
        if (!CudaBackend.TryOpen(
            0, precision, cudaGraph: true, _ => { }, reportKernels: false, out CudaDevice? device, out string? reason))
        {
            Assert.False(Environment.GetEnvironmentVariable("FT_REQUIRE_GPU") == "1", $"FT_REQUIRE_GPU=1, but: {reason}");
            Assert.Skip(reason);
        }

        return new LayerBench(device, precision, device.Dispose);
    }
}

/// <summary>A device with test tensors and stores.</summary>
internal sealed class LayerBench(CudaDevice device, CudaPrecision precision, Action end) : IDisposable
{
    private readonly List<ParameterStore> stores = [];

    public CudaDevice Device => device;

    public ElementType Type { get; } = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;

    public float[] Random(int count, uint draw) => LayerNumbers.Random(Type, count, draw);

    public Tensor Image(float[] values, int n, int h, int w, int c) => c == 3
        ? device.Images(values, n, h)
        : device.Upload(values, n * h * w, c) with { N = n, H = h, W = w };

    public float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Count];
        device.Download(tensor, values);
        return values;
    }

    public ParameterStore Store(ParameterLayout layout)
    {
        ParameterStore store = device.CreateStore(layout, trained: true);
        stores.Add(store);
        return store;
    }

    /// <summary>A normalisation of c channels with parameters that are not the initial ones.</summary>
    public (ParameterStore Store, NormParameters Norm) Norm(int c)
    {
        var layout = new ParameterLayout();
        var norm = new NormParameters(
            layout.Add("weight", ParameterKind.NormWeight, c), layout.Add("bias", ParameterKind.NormBias, c),
            layout.Add("running_mean", ParameterKind.RunningMean, c), layout.Add("running_var", ParameterKind.RunningVariance, c));
        ParameterStore store = Store(layout);
        store.Write(norm.Weight, [.. Random(c, 90).Select(value => 1 + (value / 2))]);
        store.Write(norm.Bias, Random(c, 91));
        store.Write(norm.RunningMean, Random(c, 92));
        store.Write(norm.RunningVariance, [.. Random(c, 93).Select(value => 1.5f + value)]);
        store.Refresh();
        return (store, norm);
    }

    public void AssertClose(
        string what, float[] given, double[] expected, float[] plain, double factor, bool stored = true, Func<int, double>? intermediate = null) =>
        LayerNumbers.AssertClose(Type, what, given, expected, plain, factor, stored, intermediate);

    public void Free(params ReadOnlySpan<Tensor> tensors)
    {
        foreach (Tensor tensor in tensors)
        {
            device.Free(tensor);
        }
    }

    public void Dispose()
    {
        stores.ForEach(store => store.Dispose());
        end();
    }
}
