using System.Runtime.Intrinsics.X86;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices;

/// <summary>Opens the device and the precision that a run asks for.</summary>
internal static class DeviceSelector
{
    /// <summary>Whether the CPU multiplies bf16 in hardware (AVX512-BF16); elsewhere bf16 is slower than fp32.</summary>
    public static bool HasBFloat16Products => X86Base.IsSupported && HasAvx512BFloat16();

    /// <summary>Opens a device; <c>auto</c> is CUDA where a device and all libraries are there, and else the CPU.</summary>
    /// <param name="options">Device, precision and threads.</param>
    /// <param name="report">Is told why <c>auto</c> is the CPU, and what a person may want to know of kernels.</param>
    /// <param name="reportKernels">Report, when the device is closed, what each kernel takes; a CPU has none.</param>
    /// <exception cref="InvalidInputException">The device or the precision has no such name, or the device cannot be had.</exception>
    public static IDevice Open(RunOptions options, Action<string> report, bool reportKernels = false)
    {
        switch (options.Device)
        {
            case "cpu":
                return OpenCpu(options);
            case "emulator":
                return CudaBackend.OpenEmulator(CudaPrecisionOf(options), report, reportKernels);
            case "auto" or "cuda":
                CudaPrecision precision = CudaPrecisionOf(options);
                if (CudaBackend.TryOpen(
                    options.CudaDevice, precision, options.CudaGraph, report, reportKernels, out Cuda.CudaDevice? device, out string? reason))
                {
                    return device;
                }

                if (options.Device == "cuda")
                {
                    throw new InvalidInputException($"--device cuda cannot be used: {reason}.");
                }

                // A machine without a GPU is no fault that asks for details; one whose GPU lacks something is.
                report(FeatureTransform.Cuda.CudaDriver.TryLoad(out _, out _)
                    ? $"Computing on the CPU: {reason}."
                    : "Computing on the CPU: no CUDA device answers ('info' says why).");
                return OpenCpu(options);
            default:
                throw new InvalidInputException(
                    $"Unknown device '{options.Device}': expected {OptionNames.List(OptionNames.Devices)}.");
        }
    }

    /// <summary>What <c>auto</c> is on this machine, in one line.</summary>
    public static string DescribeAuto() => CudaBackend.WhyNot(0) is { } reason ? $"cpu: {reason}" : "cuda";

    /// <summary>The precision of CUDA devices; by default bf16, but fp32 on the emulator, where it is no slower.</summary>
    /// <exception cref="InvalidInputException">It has no such name.</exception>
    public static CudaPrecision CudaPrecisionOf(RunOptions options) => options.Precision switch
    {
        "fp32" => CudaPrecision.Float32,
        "tf32" => CudaPrecision.TensorFloat32,
        "bf16" => CudaPrecision.BFloat16,
        "auto" => options.Device == "emulator" ? CudaPrecision.Float32 : CudaPrecision.BFloat16,
        _ => throw UnknownPrecision(options.Precision),
    };

    private static CpuDevice OpenCpu(RunOptions options) => new(
        options.Precision switch
        {
            "fp32" => ElementType.Float32,
            "bf16" => ElementType.BFloat16,
            "auto" => HasBFloat16Products ? ElementType.BFloat16 : ElementType.Float32,
            "tf32" => throw new InvalidInputException("--precision tf32 is one of CUDA devices: on the CPU choose auto, fp32 or bf16."),
            _ => throw UnknownPrecision(options.Precision),
        },
        options.Threads);

    private static InvalidInputException UnknownPrecision(string name) =>
        new($"Unknown precision '{name}': expected {OptionNames.List(OptionNames.Precisions)}.");

    // Leaf 7, subleaf 1, EAX bit 5.
    private static bool HasAvx512BFloat16() =>
        X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;
}
