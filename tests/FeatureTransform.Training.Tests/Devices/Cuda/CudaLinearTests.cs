using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>Linear layers of the CUDA device against their sums in fp64.</summary>
public abstract class CudaLinearTests<TDevice>
    where TDevice : ILayerDevice
{
    // Half a unit in the last place of bf16 and fp32, relative to the value.
    private const double HalfRounding = 1.0 / (1 << 8), SingleRounding = 1.0 / (1 << 24);

    [Theory]
    [InlineData(1, 1, 1, false, CudaPrecision.BFloat16)]
    [InlineData(33, 16, 5, true, CudaPrecision.BFloat16)]
    [InlineData(31, 65, 129, true, CudaPrecision.BFloat16)]
    [InlineData(257, 128, 24, false, CudaPrecision.BFloat16)]
    [InlineData(1, 1, 1, false, CudaPrecision.TensorFloat32)]
    [InlineData(33, 16, 5, true, CudaPrecision.TensorFloat32)]
    [InlineData(31, 65, 129, true, CudaPrecision.TensorFloat32)]
    [InlineData(257, 128, 24, false, CudaPrecision.TensorFloat32)]
    [InlineData(1, 1, 1, false, CudaPrecision.Float32)]
    [InlineData(33, 16, 5, true, CudaPrecision.Float32)]
    [InlineData(31, 65, 129, true, CudaPrecision.Float32)]
    [InlineData(257, 128, 24, false, CudaPrecision.Float32)]
    public void Equals_its_sums(int n, int inputs, int outputs, bool relu, CudaPrecision precision)
    {
        using LayerBench cuda = TDevice.Open(precision);
        CudaDevice device = cuda.Device;
        using ParameterStore store = LinearLayer.Create(device, inputs, outputs, out Parameter weight, out Parameter bias);

        // All inputs are exact in bf16, and so in TF32: what differs is rounded sums.
        float[] x = LinearLayer.Values(n * inputs, 1), w = LinearLayer.Values(outputs * inputs, 2);
        float[] dy = LinearLayer.Values(n * outputs, 3), b = LinearLayer.Values(outputs, 4);
        store.Write(weight, w);
        store.Write(bias, b);
        store.Refresh();
        double[] sums = new double[n * outputs], masked = new double[n * outputs], products = new double[n * outputs];
        double[] dx = new double[n * inputs], dw = new double[outputs * inputs], db = new double[outputs];
        for (int i = 0; i < sums.Length; i++)
        {
            (int row, int column) = (i / outputs, i % outputs);
            for (int c = 0; c < inputs; c++)
            {
                sums[i] += (double)x[(row * inputs) + c] * w[(column * inputs) + c];
            }

            products[i] = sums[i];
            sums[i] += b[column];
            sums[i] = relu ? Math.Max(sums[i], 0) : sums[i];
            masked[i] = relu && sums[i] <= 0 ? 0 : dy[i];
            db[column] += masked[i];
            for (int c = 0; c < inputs; c++)
            {
                dx[(row * inputs) + c] += masked[i] * w[(column * inputs) + c];
                dw[(column * inputs) + c] += masked[i] * x[(row * inputs) + c];
            }
        }

        Tensor input = device.Upload(x, n, inputs), gradient = device.Upload(dy, n, outputs);
        Tensor output = device.Linear(input, store, weight, bias, relu);
        Assert.Equal((n, 1, 1, outputs), (output.N, output.H, output.W, output.C));
        bool half = precision == CudaPrecision.BFloat16;
        // Where rows are not aligned the library may store the products in bf16 before it adds the bias: an H200's does.
        AssertClose("y", sums, cuda.Read(output), inputs + 1, half, half && inputs % 8 + outputs % 8 != 0 ? products : null);
        Tensor inputGradient = device.LinearBackward(gradient, input, output, store, weight, bias, relu);
        Assert.Equal([.. masked.Select(value => (float)value)], cuda.Read(gradient));
        AssertClose("dx", dx, cuda.Read(inputGradient), outputs, half);
        AssertClose("dw", dw, DeviceBench.Gradient(store, weight), n, half: false);
        AssertClose("db", db, DeviceBench.Gradient(store, bias), n, half: false);
        foreach (Tensor tensor in new[] { input, gradient, output, inputGradient })
        {
            device.Free(tensor);
        }
    }

    private static void AssertClose(string what, double[] expected, float[] given, int terms, bool half, double[]? rounded = null)
    {
        Assert.Equal(expected.Length, given.Length);
        for (int i = 0; i < given.Length; i++)
        {
            double bound = (SingleRounding * terms) + ((half ? HalfRounding : 0) * (Math.Abs(expected[i]) + Math.Abs(rounded?[i] ?? 0)));
            double error = Math.Abs(given[i] - expected[i]);
            Assert.True(error <= bound, $"{what}[{i}] of {given.Length}: {given[i]:G9}, expected {expected[i]:G9} within {bound:E2}");
        }
    }
}

public sealed class CudaLinearOnEmulator : CudaLinearTests<OnEmulatedCuda>;

public sealed class CudaLinearOnGpu : CudaLinearTests<OnRealCuda>;

/// <summary>What an emulator alone can show of linear layers.</summary>
public sealed class CudaLinearFailureTests
{
    [Fact]
    public void A_step_like_the_one_before_takes_no_memory_and_the_same_addresses()
    {
        using var cuda = new EmulatedCuda(CudaPrecision.BFloat16, separate: false);
        using ParameterStore store = LinearLayer.Create(cuda.Device, 64, 32, out Parameter weight, out Parameter bias);
        float[] x = LinearLayer.Values(64 * 20, 1);
        nint[] first = Step();
        int allocations = cuda.Emulator.Calls["cuMemAlloc_v2"], descriptors = cuda.Emulator.Calls["cublasLtMatmulDescCreate"];
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(first, Step());
        }

        Assert.Equal(allocations, cuda.Emulator.Calls["cuMemAlloc_v2"]);
        Assert.Equal(descriptors, cuda.Emulator.Calls["cublasLtMatmulDescCreate"]);
        Assert.Equal(0, cuda.Device.Arena.Used);

        nint[] Step()
        {
            CudaDevice device = cuda.Device;
            Tensor input = device.Upload(x, 20, 64), output = device.Linear(input, store, weight, bias, relu: true);
            Tensor gradient = device.LinearBackward(output, input, output, store, weight, bias, relu: true);
            Tensor[] tensors = [input, output, gradient];
            Array.ForEach(tensors, device.Free);
            return [.. tensors.Select(tensor => tensor.Data)];
        }
    }

    [Theory]
    [InlineData("cublasLtMatmul", 13, "CUBLAS_STATUS_EXECUTION_FAILED")]
    [InlineData("cublasLtMatmulAlgoGetHeuristic", 15, "no algorithm")]
    [InlineData("cublasLtMatrixLayoutCreate", 3, "CUBLAS_STATUS_ALLOC_FAILED")]
    public void A_failure_names_the_function_and_leaves_nothing_behind(string call, int status, string text)
    {
        using var cuda = new EmulatedCuda(CudaPrecision.Float32);
        using ParameterStore store = LinearLayer.Create(cuda.Device, 16, 8, out Parameter weight, out Parameter bias);
        Tensor input = cuda.Device.Upload(LinearLayer.Values(16 * 4, 1), 4, 16);
        cuda.Emulator.CuBlasLt.FailCall(call, status);
        CudaException error = Assert.Throws<CudaException>(() => cuda.Device.Linear(input, store, weight, bias, relu: false));
        Assert.Contains(call, error.Message, StringComparison.Ordinal);
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
        cuda.Device.Free(cuda.Device.Linear(input, store, weight, bias, relu: false)); // as if nothing had been
        cuda.Device.Free(input);
    }
}

/// <summary>A linear layer and numbers for it.</summary>
internal static class LinearLayer
{
    public static ParameterStore Create(CudaDevice device, int inputs, int outputs, out Parameter weight, out Parameter bias)
    {
        var layout = new ParameterLayout();
        weight = layout.Add("weight", ParameterKind.Linear, outputs, inputs);
        bias = layout.Add("bias", ParameterKind.LinearBias, outputs);
        return device.CreateStore(layout, trained: true);
    }

    // Multiples of 1/128 from -1 to 1: exact in bf16, and a sum of few hundred products of two is exact in fp32.
    public static float[] Values(int count, uint draw) =>
        [.. Enumerable.Range(0, count).Select(i => (int)(Philox.Element(29, draw, RandomUse.Augmentation, (ulong)i) % 257 - 128) / 128f)];
}
