using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>norm_inference against the formula in fp64.</summary>
public abstract class NormInferenceTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    // Of fp32: scale 3 roundings, difference and sum 1 each, as far as |x - mean| scale reaches; of bf16 the last one.
    private const double SingleRounding = 1.0 / (1 << 24), HalfRounding = 1.0 / (1 << 8);

    [Theory]
    [InlineData(1, 1, true, true, ElementType.Float32)]
    [InlineData(33, 31, true, false, ElementType.Float32)]
    [InlineData(7, 64, false, true, ElementType.BFloat16)]
    [InlineData(257, 33, true, true, ElementType.BFloat16)]
    [InlineData(255, 16, false, false, ElementType.Float32)]
    public void Equals_the_formula(int rows, int c, bool relu, bool added, ElementType type)
    {
        using KernelDevice device = TDevice.Open();
        float[] x = Inputs.Uniform(rows * c, 1, type), shortcut = Inputs.Uniform(rows * c, 2, type);
        float[] weight = Inputs.Uniform(c, 3), bias = Inputs.Uniform(c, 4), mean = Inputs.Uniform(c, 5);
        float[] variance = [.. Inputs.Uniform(c, 6).Select(value => value + 1.01f)];
        float[] given = Run(device, x, added ? shortcut : null, weight, bias, mean, variance, relu, type);
        for (int i = 0; i < given.Length; i++)
        {
            int at = i % c;
            double unit = (x[i] - (double)mean[at]) * weight[at] / Math.Sqrt(variance[at] + (double)1e-5f);
            double sum = unit + bias[at] + (added ? shortcut[i] : 0), expected = relu ? Math.Max(sum, 0) : sum;
            double bound = SingleRounding * ((6 * Math.Abs(unit)) + (2 * Math.Abs(bias[at])) + (added ? 1 : 0) + Math.Abs(expected));
            bound += type == ElementType.BFloat16 ? HalfRounding * (Math.Abs(expected) + bound) : 0;
            Assert.True(Math.Abs(given[i] - expected) <= bound, $"[{i}] of {rows} x {c}: {given[i]:R}, expected {expected:R} within {bound:E2}");
        }
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(Run(
        device, Inputs.Uniform(100 * 70, 1), Inputs.Uniform(100 * 70, 2), Inputs.Uniform(70, 3), Inputs.Uniform(70, 4), Inputs.Uniform(70, 5),
        [.. Inputs.Uniform(70, 6).Select(value => value + 2)], true, ElementType.Float32)).ToArray();

    private static float[] Run(
        KernelDevice device, float[] x, float[]? shortcut, float[] weight, float[] bias, float[] mean, float[] variance, bool relu, ElementType type)
    {
        DeviceArray<float>? single = type == ElementType.Float32 ? device.Guarded<float>(x) : null;
        DeviceArray<ushort>? half = single is null ? device.Guarded<ushort>(Bf16.Round(x)) : null;
        new NormInference(device.Kernels, type).Launch(device.Stream, new NormInferenceArgs
        {
            X = single?.Address ?? half!.Address,
            Shortcut = shortcut is null ? 0 : device.Upload(type, shortcut),
            Weight = device.Upload<float>(weight).Address,
            Bias = device.Upload<float>(bias).Address,
            Mean = device.Upload<float>(mean).Address,
            Variance = device.Upload<float>(variance).Address,
            Rows = (ulong)(x.Length / weight.Length),
            C = (uint)weight.Length,
            Relu = relu ? 1u : 0,
            Epsilon = 1e-5f,
        });
        return single?.Read() ?? Bf16.Widen(half!.Read());
    }
}

public sealed class NormInferenceOnEmulator : NormInferenceTests<OnEmulator>;

public sealed class NormInferenceOnGpu : NormInferenceTests<OnGpu>;
