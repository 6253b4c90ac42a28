using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>ema against its formula in fp64, and the bits of fp32 rounded after each operation, as on the CPU.</summary>
public abstract class EmaTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(4, true, 0.99f)]
    [InlineData(124, false, 0f)]
    [InlineData(1020, true, 0.999f)]
    [InlineData(1024, false, 1f)]
    [InlineData(1028, true, 0.6f)]
    [InlineData(10012, true, 0.99f)]
    public void The_average_has_the_bits_of_plain_code(int count, bool half, float m)
    {
        using KernelDevice device = TDevice.Open();
        float[] target = Inputs.Uniform(count, 1), source = Inputs.Uniform(count, 2);
        (float[] actual, ushort[] copy) = Run(device, target, source, m, half);
        float rest = 1 - m;
        Accuracy.SameBits("target", [.. target.Select((t, i) => (m * t) + (rest * source[i]))], actual);
        Accuracy.Check("target", 1.2e-7, [.. target.Select((t, i) => ((double)m * t) + ((double)rest * source[i]))], actual);
        Accuracy.SameBits("bf16 copy", half ? Bf16.Round(actual) : [], copy);
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(
        Run(device, Inputs.Uniform(5000, 1), Inputs.Uniform(5000, 2), 0.9f, true).Target).ToArray();

    private static (float[] Target, ushort[] Half) Run(KernelDevice device, float[] target, float[] source, float m, bool half)
    {
        DeviceArray<float> values = device.Guarded<float>(target);
        DeviceArray<ushort>? copy = half ? device.Poisoned<ushort>(target.Length) : null;
        new Ema(device.Kernels, ElementType.Float32).Launch(device.Stream, new EmaArgs
        {
            Target = values.Address,
            Source = device.Upload<float>(source).Address,
            TargetBf16 = copy?.Address ?? 0,
            Count = (ulong)target.Length,
            M = m,
            Rest = 1 - m,
        });
        return (values.Read(), copy?.Read() ?? []);
    }
}

public sealed class EmaOnEmulator : EmaTests<OnEmulator>;

public sealed class EmaOnGpu : EmaTests<OnGpu>;
