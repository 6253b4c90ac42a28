using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>bias_relu_backward: the masked gradient exactly, its column sums against fp64.</summary>
public abstract class BiasReluTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(1, 1, ElementType.Float32)]
    [InlineData(9, 33, ElementType.BFloat16)]
    [InlineData(257, 31, ElementType.Float32)]
    [InlineData(255, 65, ElementType.BFloat16)]
    [InlineData(7, 32, ElementType.Float32)]
    [InlineData(31, 127, ElementType.Float32)]
    [InlineData(8, 256, ElementType.BFloat16)]
    public void The_masked_gradient_and_that_of_the_bias_equal_the_oracle(int n, int c, ElementType type)
    {
        using KernelDevice device = TDevice.Open();
        float[] dy = Inputs.Uniform(n * c, 1, type), y = [.. Inputs.Uniform(n * c, 2, type).Select(x => MathF.Max(x, 0))];
        y[0] = -0f;
        foreach (float[]? output in new[] { y, null })
        {
            float[] expected = [.. dy.Select((x, i) => output is null || output[i] > 0 ? x : 0)];
            double[] oracle = new double[c];
            float[] plain = new float[c];
            for (int i = 0; i < expected.Length; i++)
            {
                oracle[i % c] += expected[i];
                plain[i % c] += expected[i];
            }

            (float[] masked, float[] gradient) = Run(device, dy, output, n, c, type);
            Accuracy.SameBits("dy", expected, masked);
            Accuracy.Check($"db of {n} x {c}", 3, 1.2e-7, oracle, plain, gradient);
        }
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        (float[] masked, float[] gradient) = Run(
            device, Inputs.Uniform(100 * 70, 1), Inputs.Uniform(100 * 70, 2), 100, 70, ElementType.Float32);
        return MemoryMarshal.AsBytes<float>([.. masked, .. gradient]).ToArray();
    }

    private static (float[] Dy, float[] Gradient) Run(KernelDevice device, float[] dy, float[]? y, int n, int c, ElementType type)
    {
        DeviceArray<float>? single = type == ElementType.Float32 ? device.Guarded<float>(dy) : null;
        DeviceArray<ushort>? half = single is null ? device.Guarded<ushort>(Bf16.Round(dy)) : null;
        DeviceArray<float> gradient = device.Poisoned<float>(c);
        new BiasRelu(device.Kernels, type).Launch(device.Stream, type, new BiasReluArgs
        {
            Dy = single?.Address ?? half!.Address,
            Y = y is null ? 0 : device.Upload(type, y),
            Gradient = gradient.Address,
            N = (uint)n,
            C = (uint)c,
        });
        return (single?.Read() ?? Bf16.Widen(half!.Read()), gradient.Read());
    }
}

public sealed class BiasReluOnEmulator : BiasReluTests<OnEmulator>;

public sealed class BiasReluOnGpu : BiasReluTests<OnGpu>;
