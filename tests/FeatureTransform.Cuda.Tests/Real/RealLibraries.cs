using System.Diagnostics;
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
            string folder = Unpacked(Path.Combine(SharedFiles.Folder("cuda"), "cudnn-jit-9.27.tar.xz"));
            DriverSource(); // which its parts ask for by name, as for each other
            Source("NVRTC", () => NativeLibraries.Nvrtc(12), "lib/libnvrtc.so.12");
            foreach (string part in (string[])["libcudnn_engines_runtime_compiled.so.9", "libcudnn_graph.so.9"])
            {
                _ = new NativeLibrarySource(part, Unset, Path.Combine(folder, "lib", part));
            }
            return new NativeLibrarySource("cuDNN", Unset, Path.Combine(folder, "lib", "libcudnn.so.9"));
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

    /// <summary>The folder of an archive's contents, unpacked once.</summary>
    private static string Unpacked(string archive)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists(archive), $"{archive} is not here.");
        string folder = Path.Combine(AppContext.BaseDirectory, Path.GetFileName(archive) + ".unpacked");
        if (!Directory.Exists(folder))
        {
            DirectoryInfo partial = Directory.CreateDirectory(folder + "." + Environment.ProcessId);
            using (var tar = Process.Start("tar", ["-xJf", archive, "-C", partial.FullName]))
            {
                tar.WaitForExit();
                Assert.SkipUnless(tar.ExitCode == 0, $"tar cannot unpack {archive}.");
            }
            try
            {
                partial.MoveTo(folder);
            }
            catch (IOException) when (Directory.Exists(folder)) // another process was faster
            {
                partial.Delete(recursive: true);
            }
        }
        return folder;
    }
}
