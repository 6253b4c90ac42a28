using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>global_average and its gradient against fp64, within the rounding of a sum in fp32 and of the stored type.</summary>
public abstract class GlobalAverageTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const double SingleUnit = 1.0 / (1 << 24), HalfUnit = 1.0 / (1 << 8);

    [Theory]
    [InlineData(1, 1, 1, ElementType.Float32)]
    [InlineData(2, 64, 16, ElementType.BFloat16)]
    [InlineData(3, 35, 130, ElementType.Float32)]
    [InlineData(3, 9, 262, ElementType.BFloat16)]
    [InlineData(1, 7, 5, ElementType.BFloat16)]
    [InlineData(2, 49, 512, ElementType.BFloat16)]
    public void A_mean_and_its_gradient_equal_the_formula(int n, int pixels, int c, ElementType type)
    {
        using KernelDevice device = TDevice.Open();
        float[] x = Inputs.Uniform(n * pixels * c, 1, type), dy = Inputs.Uniform(n * c, 2, type);
        float[] y = Run(device, x, n, pixels, c, type, backward: false), dx = Run(device, dy, n, pixels, c, type, backward: true);
        for (int i = 0; i < y.Length; i++)
        {
            double[] terms = [.. Enumerable.Range(0, pixels).Select(pixel => (double)x[(((i / c * pixels) + pixel) * c) + (i % c)])];
            AssertClose($"y[{i}]", terms.Sum() / pixels, y[i], (pixels + 1) * SingleUnit * terms.Sum(Math.Abs) / pixels, type);
        }

        for (int i = 0; i < dx.Length; i++)
        {
            double expected = (double)dy[(i / (pixels * c) * c) + (i % c)] / pixels;
            AssertClose($"dx[{i}]", expected, dx[i], 2 * SingleUnit * Math.Abs(expected), type);
        }
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(Run(
        device, Inputs.Uniform(3 * 50 * 130, 1), 3, 50, 130, ElementType.Float32, backward: false)).ToArray();

    private static void AssertClose(string what, double expected, float actual, double bound, ElementType type)
    {
        bound += type == ElementType.BFloat16 ? HalfUnit * Math.Abs(expected) * 1.01 : 0;
        Assert.True(Math.Abs(expected - actual) <= bound, $"{what}: {actual:R}, expected {expected:R} within {bound:G2}");
    }

    private static float[] Run(KernelDevice device, float[] from, int n, int pixels, int c, ElementType type, bool backward)
    {
        int count = backward ? n * pixels * c : n * c;
        DeviceArray<float>? single = type == ElementType.Float32 ? device.Poisoned<float>(count) : null;
        DeviceArray<ushort>? half = single is null ? device.Poisoned<ushort>(count) : null;
        var args = new GlobalAverageArgs
        {
            From = device.Upload(type, from),
            To = single?.Address ?? half!.Address,
            Pixels = (uint)pixels,
            N = (uint)n,
            C = (uint)c,
        };
        var average = new GlobalAverage(device.Kernels, type);
        if (backward)
        {
            average.Backward(device.Stream, args);
        }
        else
        {
            average.Forward(device.Stream, args);
        }

        return single?.Read() ?? Bf16.Widen(half!.Read());
    }
}

public sealed class GlobalAverageOnEmulator : GlobalAverageTests<OnEmulator>;

public sealed class GlobalAverageOnGpu : GlobalAverageTests<OnGpu>;
