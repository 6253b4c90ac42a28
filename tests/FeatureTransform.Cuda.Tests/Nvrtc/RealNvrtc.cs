using System.Diagnostics;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>The NVRTC and the assembler's tools of the folder that CUDA_TOOLS names, or those that the system finds.</summary>
internal static class RealNvrtc
{
    private static readonly Lazy<(Nvrtc? Nvrtc, string? Reason)> Loaded = new(() =>
    {
        string path = Path.Combine(Tools ?? "", "lib", "libnvrtc.so.12");
        if (!File.Exists(path))
        {
            return Nvrtc.TryLoad(out Nvrtc? found, out string? reason) ? (found, null) : (null, reason);
        }
        Nvrtc.LoadBuiltins(path);
        return (new Nvrtc(new NativeLibrarySource("NVRTC", "FEATURETRANSFORM_TESTS_UNSET", path)), null);
    });

    private static string? Tools => Environment.GetEnvironmentVariable("CUDA_TOOLS");

    /// <summary>Skips the test where there is none.</summary>
    public static Nvrtc Get()
    {
        (Nvrtc? nvrtc, string? reason) = Loaded.Value;
        Assert.SkipWhen(nvrtc is null, reason ?? "");
        return nvrtc;
    }

    public static KernelCompiler Compiler(KernelSources sources) => new(Get(), sources);

    /// <summary>What one of the tools prints; skips the test where CUDA_TOOLS does not have it.</summary>
    public static string Run(string tool, params string[] arguments)
    {
        string path = Path.Combine(Tools ?? "", "bin", tool);
        Assert.SkipUnless(File.Exists(path), $"CUDA_TOOLS has no {tool}.");
        using Process process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
