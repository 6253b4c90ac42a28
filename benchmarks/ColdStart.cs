using System.Diagnostics;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks;

/// <summary>
/// How long the first step of a training run waits for its kernels: compiled by NVRTC the first time, read from the user's cache (or the folder that
/// FEATURETRANSFORM_CACHE names) after that.
/// </summary>
internal static class ColdStart
{
    private static readonly Version Device = new(8, 0);

    public static int Run()
    {
        Action<string> report = message => Console.Error.WriteLine(message); // does not open the stream before there is something
        long start = Stopwatch.GetTimestamp();
        KernelImages images = KernelImages.Open(
            KernelSet.LoadSources(), Device, newestNvrtc: int.MaxValue, KernelCache.Open(), ptx: false, report);
        IReadOnlyList<KernelImage> found = images.Find([.. Variants()]);
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        Console.WriteLine(KernelTable.Format(found));
        Console.WriteLine(
            $"{found.Count} files for sm_80, {found.Count(image => image.Origin == KernelOrigin.Cache)} of them from the cache: " +
            $"{elapsed.TotalMilliseconds:F0} ms in all, on at most {Environment.ProcessorCount} cores");
        return 0;
    }

    // MoCo v2 with both transformations in bf16, N 256, C 128, K 65536, from images to the update of the queue: what the first step needs.
    private static IEnumerable<KernelVariant> Variants()
    {
        const ElementType type = ElementType.BFloat16;
        var shape = new CudaStepShape(256, 128, 65536) { Features = type };
        var options = new FeatureTransformOptions();
        InfoNcePlan pass = InfoNcePlan.Choose(shape, options, multiprocessors: 108, sharedBytes: 163 << 10);
        return
        [
            TrainingStepProgram.VariantOf(type), Augment.VariantOf(type),
            PositivesProgram.VariantOf(shape, pass, options.PositiveScope), pass.Variant, Enqueue.VariantOf(shape.Queue),
        ];
    }
}
