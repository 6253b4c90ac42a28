using System.Diagnostics;
using FeatureTransform.Cuda.Tests.Real;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>The NVRTC that the loader finds, or that of the tools that CUDA_TOOLS names, and the tools themselves.</summary>
internal static class RealNvrtc
{
    private static readonly Lazy<Nvrtc> Loaded = new(() =>
    {
        ISymbolSource source = RealLibraries.Source("NVRTC", () => NativeLibraries.Nvrtc(), "lib/libnvrtc.so.12");
        Nvrtc.LoadBuiltins(source.Name);
        return new Nvrtc(source);
    });

    /// <summary>Skips the test where there is none.</summary>
    public static Nvrtc Get() => Loaded.Value;

    public static KernelCompiler Compiler(KernelSources sources) => new(Get(), sources);

    /// <summary>What one of the tools prints; skips the test where CUDA_TOOLS does not have it.</summary>
    public static string Run(string tool, params string[] arguments)
    {
        string path = Path.Combine(RealLibraries.Tools ?? "", "bin", tool);
        Assert.SkipUnless(File.Exists(path), $"CUDA_TOOLS has no {tool}.");
        using Process process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
