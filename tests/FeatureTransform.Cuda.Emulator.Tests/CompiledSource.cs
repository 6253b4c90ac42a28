using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests;

/// <summary>PTX of CUDA C++ by the installed NVRTC; tests skip visibly where there is none.</summary>
internal static class CompiledSource
{
    /// <summary>PTX of a source that includes nothing; warnings are allowed, since some sources are wrong on purpose.</summary>
    public static string Compile(string source, string name, string architecture) =>
        Compile(new KernelSources(new Dictionary<string, string> { [name] = source }), new KernelVariant(name), architecture);

    /// <summary>PTX of a variant.</summary>
    public static string Compile(KernelSources sources, KernelVariant variant, string architecture)
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason), reason ?? "");
        var compiler = new KernelCompiler(nvrtc!, sources) { AllowWarnings = true };
        return Encoding.UTF8.GetString(compiler.Compile(variant, architecture).Image.Span);
    }
}
