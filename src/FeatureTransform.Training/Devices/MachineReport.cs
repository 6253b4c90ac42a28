using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using FeatureTransform.LibTorch;

namespace FeatureTransform.Training.Devices;

/// <summary>What the machine under a run offers, for a person.</summary>
public static class MachineReport
{
    /// <summary>Runtime, system, processor and LibTorch as names and values; never throws where LibTorch is missing.</summary>
    public static IReadOnlyList<(string Name, string Value)> Describe() =>
    [
        ("version", typeof(MachineReport).Assembly.GetName().Version?.ToString(3) ?? "unknown"),
        ("runtime", $"{RuntimeInformation.FrameworkDescription} ({RuntimeInformation.RuntimeIdentifier})"),
        ("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}"),
        ("vectors", $"{WidestVector()} bits ({Vector<float>.Count} floats in Vector<float>)"),
        ("threads", Environment.ProcessorCount.ToString(CultureInfo.InvariantCulture)),
        ("LibTorch", DescribeLibTorch()),
    ];

    private static int WidestVector() =>
        Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 64;

    // major << 56 | minor << 48 | patch << 40
    private static unsafe string LibTorchVersion(string path)
    {
        ulong version = ((delegate* unmanaged<ulong>)NativeLibrary.GetExport(NativeLibrary.Load(path), "aoti_torch_abi_version"))();
        return $"{version >> 56}.{(version >> 48) & 0xff}.{(version >> 40) & 0xff}";
    }

    private static string DescribeLibTorch()
    {
        try
        {
            return $"{LibTorchVersion(ATen.Path)}, loaded from {ATen.Path}";
        }
        catch (TypeInitializationException error) when (error.InnerException is DllNotFoundException missing)
        {
            return $"missing: {missing.Message}";
        }
    }
}
