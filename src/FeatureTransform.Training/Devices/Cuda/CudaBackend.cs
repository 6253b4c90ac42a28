using System.Diagnostics.CodeAnalysis;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using DriverDevice = FeatureTransform.Cuda.CudaDevice;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Opens CUDA devices with the libraries that they need, or says what is missing and how it is had.</summary>
internal static class CudaBackend
{
    private static readonly Version Oldest = new(8, 0);

    /// <summary>Opens a device of this machine.</summary>
    /// <param name="ordinal">Its number among the driver's devices.</param>
    /// <param name="precision">Precision of the layers.</param>
    /// <param name="cudaGraph">Whether steps are replayed as a CUDA graph.</param>
    /// <param name="report">Is told what a person may want to know.</param>
    /// <param name="reportKernels">Report, when the device is closed, what each kernel takes.</param>
    /// <param name="device">The device, where it can be had.</param>
    /// <param name="reason">What is missing, and what to install, in one line.</param>
    /// <exception cref="CudaException">Everything is there, and something fails.</exception>
    public static bool TryOpen(
        int ordinal, CudaPrecision precision, bool cudaGraph, Action<string> report, bool reportKernels,
        [NotNullWhen(true)] out CudaDevice? device, [NotNullWhen(false)] out string? reason)
    {
        device = null;
        if (!TryFind(ordinal, out Found? found, out reason))
        {
            return false;
        }

        var context = new CudaContext(found.Device);
        try
        {
            var kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), report: report);
            try
            {
                device = new CudaDevice(
                    context, kernels, found.CuDnn, found.CuBlasLt, precision, planCache: KernelCache.Open(report),
                    cudaGraph: cudaGraph, report: report)
                {
                    Owned = reportKernels ? [new KernelReport(kernels, report), kernels, context] : [kernels, context],
                };
                return true;
            }
            catch
            {
                kernels.Dispose();
                throw;
            }
        }
        catch (CudaException error) when (error.IsUnavailable)
        {
            context.Dispose();
            reason = Line(error.Message);
            return false;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }

    /// <summary>A software device, for tests and for whoever debugs: it computes the same, very slowly, with every check.</summary>
    public static CudaDevice OpenEmulator(CudaPrecision precision, Action<string> report, bool reportKernels = false)
    {
        var emulator = new Emulator(DeviceProfile.A100);
        var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        var kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true, report);
        IDisposable[] owned = [kernels, context, new Findings(emulator, report)];
        return new CudaDevice(context, kernels, emulator.CuDnn, emulator.CuBlasLt, precision, separateTensors: true)
        {
            Owned = reportKernels ? [new KernelReport(kernels, report), .. owned] : owned,
        };
    }

    /// <summary>Why a device of this machine cannot be used, in one line; null where it can.</summary>
    public static string? WhyNot(int ordinal)
    {
        try
        {
            return TryFind(ordinal, out _, out string? reason) ? null : reason;
        }
        catch (CudaException error)
        {
            return Line(error.Message);
        }
    }

    private sealed record Found(DriverDevice Device, ISymbolSource CuDnn, ISymbolSource CuBlasLt);

    private static bool TryFind(int ordinal, [NotNullWhen(true)] out Found? found, [NotNullWhen(false)] out string? reason)
    {
        found = null;
        if (!TryLoad(
                CudaDriver.Load, "no CUDA device answers", "install NVIDIA's driver, 525 or newer", out CudaDriver? driver, out reason))
        {
            return false;
        }

        if (ordinal >= driver.Devices.Count)
        {
            reason = $"there is no CUDA device {ordinal}: the driver has {string.Join("; ", driver.Devices)}";
            return false;
        }

        DriverDevice device = driver.Devices[ordinal];
        if (device.ComputeCapability < Oldest)
        {
            reason = $"{device.Name} has compute capability {device.ComputeCapability}; {Oldest} (Ampere) or newer is needed";
            return false;
        }

        int major = driver.Version / 1000;
        if (!TryLoad(
                NativeLibraries.CuDnn, "cuDNN 9 is missing", $"install libcudnn9-cuda-{major} from NVIDIA's repository",
                out NativeLibrarySource? cuDnn, out reason) ||
            !TryLoad(
                NativeLibraries.CuBlasLt, "cuBLASLt is missing", $"install libcublas-{major}-{driver.Version % 1000 / 10} from NVIDIA's repository",
                out NativeLibrarySource? cuBlasLt, out reason))
        {
            return false;
        }

        found = new Found(device, cuDnn, cuBlasLt);
        return true;
    }

    private static bool TryLoad<T>(
        Func<T> load, string what, string cure, [NotNullWhen(true)] out T? loaded, [NotNullWhen(false)] out string? reason)
        where T : class
    {
        try
        {
            (loaded, reason) = (load(), null);
            return true;
        }
        catch (CudaException error) when (error.IsUnavailable)
        {
            (loaded, reason) = (null, $"{what}; {cure} ({Line(error.Message)})");
            return false;
        }
    }

    private static string Line(string message) => message.Replace("\n ", "", StringComparison.Ordinal).ReplaceLineEndings(" ");

    /// <summary>Reports what each kernel that was loaded takes, before it is unloaded.</summary>
    private sealed class KernelReport(KernelLibrary kernels, Action<string> report) : IDisposable
    {
        public void Dispose() => report(kernels.Describe());
    }

    // Whoever asks for the emulator wants to know what it found.
    private sealed class Findings(Emulator emulator, Action<string> report) : IDisposable
    {
        public void Dispose()
        {
            emulator.Dispose();
            foreach (FeatureTransform.Cuda.Emulator.Execution.Finding finding in emulator.Findings)
            {
                report($"The emulator found: {finding}");
            }
        }
    }
}
