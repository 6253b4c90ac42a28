using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks;

/// <summary>Writes the PTX that is checked in under kernels/ptx anew, from the sources as they are.</summary>
internal static class WritePtx
{
    private const string Kernels = "kernels";

    /// <summary>0 where it was written.</summary>
    public static int Run()
    {
        if (!Directory.Exists(Path.Combine(Kernels, "common")))
        {
            Console.Error.WriteLine("There is no folder kernels/common here: run this in the repository's root.");
            return 2;
        }
        if (!Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason))
        {
            Console.Error.WriteLine(reason);
            return 2;
        }
        string folder = Path.Combine(Kernels, CheckedInPtx.Folder);
        var compiler = new KernelCompiler(nvrtc, KernelSources.FromFolder(Kernels));
        try
        {
            CheckedInPtx.Write(folder, compiler, KernelSet.Variants);
        }
        catch (AggregateException failures)
        {
            Console.Error.WriteLine(string.Join("\n\n", failures.InnerExceptions.Select(failure => failure.Message)));
            return 1;
        }
        Console.WriteLine($"{KernelSet.Variants.Count} variants by {nvrtc} in {folder}");
        return 0;
    }
}
