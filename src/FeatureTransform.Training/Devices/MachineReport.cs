using System.Globalization;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Devices;

/// <summary>What the machine under a run offers, for a person.</summary>
public static class MachineReport
{
    /// <summary>
    /// Runtime, system, processor, measured speed, decoder of JPEG, LibTorch and CUDA as names and values, in about a second; never
    /// throws where a library is missing or fails: it says so.
    /// </summary>
    public static IReadOnlyList<(string Name, string Value)> Describe()
    {
        int threads = Environment.ProcessorCount;
        MachineSpeed speed = MachineSpeed.Measure(threads);
        return
        [
            ("version", typeof(MachineReport).Assembly.GetName().Version?.ToString(3) ?? "unknown"),
            ("runtime", $"{RuntimeInformation.FrameworkDescription} ({RuntimeInformation.RuntimeIdentifier})"),
            ("system", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture}"),
            ("vectors", $"{StreamKernels.Best.VectorBits} bits"),
            ("threads", threads.ToString(CultureInfo.InvariantCulture)),
            ("FMA peak", string.Create(CultureInfo.InvariantCulture, $"{speed.Peak:F0} GFLOP/s, measured")),
            ("pass", string.Create(
                CultureInfo.InvariantCulture,
                $"{speed.Pass:F0} GFLOP/s, {100 * speed.Pass / speed.Peak:F0} % of the peak (N {MachineSpeed.N}, K {MachineSpeed.K}, C {MachineSpeed.C})")),
            ("JPEG", TurboJpeg.IsAvailable
                ? "decoded by the system's TurboJPEG"
                : "decoded by Skia; the system has no TurboJPEG, which takes half the time"),
            ("LibTorch", DescribeLibTorch()),
            .. DescribeDevices(),
            ("NVRTC", DescribeNvrtc()),
            ("trains on", DeviceSelector.DescribeAuto()),
        ];
    }

    private static string DescribeLibTorch()
    {
        try
        {
            return $"{ATen.Version} from {ATen.Path}";
        }
        catch (TypeInitializationException error) when (error.InnerException is DllNotFoundException missing)
        {
            return $"missing: {missing.Message}";
        }
    }

    private static IEnumerable<(string Name, string Value)> DescribeDevices()
    {
        (string, string) driverLine;
        IReadOnlyList<CudaDevice> devices = [];
        try
        {
            driverLine = ("CUDA driver", CudaDriver.TryLoad(out CudaDriver? driver, out string? reason)
                ? $"{driver.VersionText} from {driver.Name}"
                : $"none: {reason}");
            devices = driver?.Devices ?? devices;
        }
        catch (CudaException error)
        {
            driverLine = ("CUDA driver", $"fails: {error.Message}");
        }

        return [driverLine, .. devices.Select(device => ($"device {device.Ordinal}", string.Create(
            CultureInfo.InvariantCulture,
            $"{device.Name}, {device.Architecture}, {device.MultiprocessorCount} multiprocessors, {device.TotalMemory / 1e9:F1} GB")))];
    }

    /// <summary>NVRTC's version and file, or why there is none.</summary>
    internal static string DescribeNvrtc()
    {
        try
        {
            return Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason)
                ? $"{nvrtc.Version} from {nvrtc.Name}, for sm_{string.Join(", ", nvrtc.Architectures)}"
                : $"none: {reason}";
        }
        catch (CudaException error)
        {
            return $"fails: {error.Message}";
        }
    }
}
