using Xunit;

namespace FeatureTransform.Cuda.Tests.Real;

/// <summary>The libraries of an installed driver, or of the tools that the variable CUDA_TOOLS names.</summary>
internal static class RealLibraries
{
    private const string Unset = "FEATURETRANSFORM_TESTS_UNSET";

    /// <summary>Whether the machine has a device, or may have.</summary>
    public static bool MayHaveDevice =>
        OperatingSystem.IsWindows() || Directory.Exists("/proc/driver/nvidia") || File.Exists("/dev/dxg");

    /// <summary>The folder of tools for machines without a device.</summary>
    public static string? Tools => Environment.GetEnvironmentVariable("CUDA_TOOLS");

    /// <summary>Skips the test where there is no driver.</summary>
    public static ISymbolSource DriverSource() => Source("CUDA driver", NativeLibraries.Driver, "driver/libcuda.so.1");

    public static DriverApi Driver() => new(DriverSource());

    /// <summary>
    /// cuDNN that the loader finds, or else what the archive beside the facts holds: graphs without the legacy calls.
    /// </summary>
    public static ISymbolSource CuDnnSource()
    {
        try
        {
            return NativeLibraries.CuDnn();
        }
        catch (CudaException)
        {
            DriverSource(); // which its parts ask for by name, as for each other
            Source("NVRTC", () => NativeLibraries.Nvrtc(12), "lib/libnvrtc.so.12");
            try
            {
                return CuDnnArchive.Load(Path.Combine(SharedFiles.Folder("cuda"), "cudnn-jit-9.27.tar.xz"), AppContext.BaseDirectory);
            }
            catch (IOException exception)
            {
                Assert.Skip(exception.Message);
                throw;
            }
        }
    }

    /// <summary>The library that the loader finds, or that of the tools; skips the test where there is neither.</summary>
    public static ISymbolSource Source(string library, Func<ISymbolSource> load, string path)
    {
        try
        {
            return load();
        }
        catch (CudaException exception) when (exception.IsUnavailable)
        {
            string file = Path.Combine(Tools ?? "", path);
            Assert.SkipUnless(File.Exists(file), exception.Message);
            return new NativeLibrarySource(library, Unset, file);
        }
    }
}
