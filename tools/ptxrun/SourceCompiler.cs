using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;

namespace FeatureTransform.PtxRun;

/// <summary>PTX of CUDA C++ files, by NVRTC where there is one.</summary>
internal sealed class SourceCompiler(DeviceProfile device)
{
    // What the compiler puts before the names of all files.
    private const string Root = "/kernels/";

    private static readonly Lazy<(Nvrtc? Nvrtc, string? Reason)> Library = new(() =>
        Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason) ? (nvrtc, null) : (null, reason));

    /// <summary>The name of a file as the case's author knows it.</summary>
    public static string? NameOf(string? file) =>
        file?.StartsWith(Root, StringComparison.Ordinal) == true ? file[Root.Length..] : file;

    /// <exception cref="BadInputException">There is no NVRTC, or the file does not compile.</exception>
    public string Compile(string path)
    {
        if (Library.Value.Nvrtc is not { } nvrtc)
        {
            throw new BadInputException(
                $"source: NVRTC, which compiles it, is not here ({Library.Value.Reason}); give \"ptx\" in its place");
        }
        try
        {
            var sources = KernelSources.FromFolder(Path.GetDirectoryName(path)!);
            var compiler = new KernelCompiler(nvrtc, sources) { AllowWarnings = true };
            string architecture = nvrtc.GetTarget(new Version(device.Major, device.Minor), ptx: true);
            KernelBinary binary = compiler.Compile(new KernelVariant(Path.GetFileName(path)), architecture);
            return System.Text.Encoding.UTF8.GetString(binary.Image.Span);
        }
        catch (KernelCompileException failure)
        {
            throw new BadInputException($"source: {failure.Message}");
        }
        catch (CudaException failure)
        {
            throw new BadInputException($"source: {failure.Message}");
        }
    }
}
