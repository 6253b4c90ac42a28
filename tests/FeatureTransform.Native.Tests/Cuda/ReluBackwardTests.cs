using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>relu_backward: each element exactly, as one sum in fp32, masked and rounded.</summary>
public abstract class ReluBackwardTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(1, ElementType.Float32)]
    [InlineData(3, ElementType.BFloat16)]
    [InlineData(4, ElementType.BFloat16)]
    [InlineData(1023, ElementType.Float32)]
    [InlineData(1025, ElementType.BFloat16)]
    [InlineData(2048, ElementType.Float32)]
    public void Every_element_equals_the_formula(int count, ElementType type)
    {
        using KernelDevice device = TDevice.Open();
        float[] dy = Inputs.Uniform(count, 1, type), dy2 = Inputs.Uniform(count, 2, type);
        float[] y = [.. Inputs.Uniform(count, 3, type).Select(x => MathF.Max(x, 0))];
        y[0] = -0f;
        foreach ((float[]? second, float[]? output) in ((float[]?, float[]?)[])[(dy2, y), (dy2, null), (null, y)])
        {
            float[] expected = [.. dy.Select((x, i) => output is null || output[i] > 0 ? (float)((double)x + (second?[i] ?? 0)) : 0)];
            Accuracy.SameBits(
                "dy", type == ElementType.Float32 ? expected : Bf16.Widen(Bf16.Round(expected)), Run(device, dy, second, output, type));
        }
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(Run(
        device, Inputs.Uniform(5000, 1), Inputs.Uniform(5000, 2), Inputs.Uniform(5000, 3), ElementType.Float32)).ToArray();

    private static float[] Run(KernelDevice device, float[] dy, float[]? dy2, float[]? y, ElementType type)
    {
        DeviceArray<float>? single = type == ElementType.Float32 ? device.Guarded<float>(dy) : null;
        DeviceArray<ushort>? half = single is null ? device.Guarded<ushort>(Bf16.Round(dy)) : null;
        new ReluBackward(device.Kernels, type).Launch(device.Stream, new ReluBackwardArgs
        {
            Dy = single?.Address ?? half!.Address,
            Dy2 = dy2 is null ? 0 : device.Upload(type, dy2),
            Y = y is null ? 0 : device.Upload(type, y),
            Count = (ulong)dy.Length,
        });
        return single?.Read() ?? Bf16.Widen(half!.Read());
    }
}

public sealed class ReluBackwardOnEmulator : ReluBackwardTests<OnEmulator>;

public sealed class ReluBackwardOnGpu : ReluBackwardTests<OnGpu>;
