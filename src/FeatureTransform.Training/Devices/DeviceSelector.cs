using System.Runtime.Intrinsics.X86;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices;

/// <summary>Opens the device and the precision that a run asks for.</summary>
internal static class DeviceSelector
{
    /// <summary>Whether the CPU multiplies bf16 in hardware (AVX512-BF16); elsewhere bf16 is slower than fp32.</summary>
    public static bool HasBFloat16Products => X86Base.IsSupported && HasAvx512BFloat16();

    /// <exception cref="InvalidInputException">The device or the precision has no such name.</exception>
    public static IDevice Open(RunOptions options)
    {
        if (options.Device is not ("auto" or "cpu"))
        {
            throw new InvalidInputException($"Unknown device '{options.Device}': expected auto or cpu.");
        }

        return new CpuDevice(Precision(options.Precision), options.Threads);
    }

    private static ElementType Precision(string name) => name switch
    {
        "fp32" => ElementType.Float32,
        "bf16" => ElementType.BFloat16,
        "auto" => HasBFloat16Products ? ElementType.BFloat16 : ElementType.Float32,
        _ => throw new InvalidInputException($"Unknown precision '{name}': expected auto, fp32 or bf16."),
    };

    // Leaf 7, subleaf 1, EAX bit 5.
    private static bool HasAvx512BFloat16() =>
        X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;
}
