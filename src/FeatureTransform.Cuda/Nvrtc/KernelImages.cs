using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace FeatureTransform.Cuda;

/// <summary>Where a compiled kernel comes from.</summary>
internal enum KernelOrigin
{
    Compiled,
    Cache,
    CheckedIn,
}

/// <summary>A variant compiled for a device.</summary>
/// <param name="Variant">What was compiled.</param>
/// <param name="Binary">The outcome.</param>
/// <param name="Origin">Where it comes from.</param>
/// <param name="Elapsed">How long this took, until it was there.</param>
internal sealed record KernelImage(KernelVariant Variant, KernelBinary Binary, KernelOrigin Origin, TimeSpan Elapsed);

/// <summary>
/// Finds for a device of some compute capability what its driver can load: in the cache, by compilation, or, without NVRTC, among
/// the checked-in PTX. It needs no device.
/// </summary>
internal sealed class KernelImages
{
    private readonly KernelSources sources;
    private readonly KernelCompiler? compiler;
    private readonly string target;
    private readonly string reason = "";
    private readonly KernelCache? cache;
    private readonly CheckedInPtx? checkedIn;
    private readonly Action<string>? report;

    /// <summary>With NVRTC.</summary>
    public KernelImages(
        KernelSources sources, Version capability, Nvrtc nvrtc, KernelCache? cache, bool ptx, Action<string>? report)
    {
        (this.sources, this.cache, this.report) = (sources, cache, report);
        compiler = new KernelCompiler(nvrtc, sources) { AllowWarnings = true };
        target = nvrtc.GetTarget(capability, ptx);
    }

    /// <summary>Without NVRTC, for a reason.</summary>
    public KernelImages(KernelSources sources, Version capability, string reason, Action<string>? report)
    {
        (this.sources, this.reason, this.report) = (sources, reason, report);
        target = CheckedInPtx.Architecture;
        if (capability < CheckedInPtx.OldestDevice)
        {
            throw CudaException.Unavailable(
                "NVRTC", "", $"the device is of compute capability {capability}, the checked-in PTX is for "
                + $"{CheckedInPtx.OldestDevice} and newer, and for an older one kernels cannot be compiled: {reason}");
        }
        checkedIn = new CheckedInPtx(sources);
        report?.Invoke($"Kernels are PTX for {target}, which the driver compiles, since NVRTC cannot be used: {reason}");
    }

    /// <summary>Finds several variants; those that have to be compiled are compiled in parallel.</summary>
    /// <exception cref="KernelCompileException">One does not compile.</exception>
    /// <exception cref="CudaException">There is no NVRTC, and one is not among the checked-in PTX.</exception>
    public IReadOnlyList<KernelImage> Find(IReadOnlyList<KernelVariant> variants)
    {
        if (compiler is null)
        {
            return [.. variants.Select(FindCheckedIn)];
        }
        KernelImage?[] images = [.. variants.Select(FindCached)];
        int[] missing = [.. Enumerable.Range(0, images.Length).Where(i => images[i] is null)];
        if (missing.Length > 0)
        {
            Compile(variants, images, missing);
        }
        return images!;
    }

    private void Compile(IReadOnlyList<KernelVariant> variants, KernelImage?[] images, int[] missing)
    {
        var failures = new ConcurrentDictionary<int, Exception>();
        var oneByOne = Partitioner.Create(missing, EnumerablePartitionerOptions.NoBuffering);
        Parallel.ForEach(oneByOne, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, i =>
        {
            try
            {
                images[i] = Compile(variants[i]);
            }
            catch (Exception exception)
            {
                failures[i] = exception;
            }
        });
        if (!failures.IsEmpty)
        {
            ExceptionDispatchInfo.Throw(failures.MinBy(failure => failure.Key).Value); // whichever thread was the first
        }
    }

    private KernelImage? FindCached(KernelVariant variant)
    {
        long start = Stopwatch.GetTimestamp();
        KernelBinary? binary = cache?.Find(compiler!.GetKey(variant, target));
        return binary is null ? null : new KernelImage(variant, binary, KernelOrigin.Cache, Stopwatch.GetElapsedTime(start));
    }

    private KernelImage Compile(KernelVariant variant)
    {
        long start = Stopwatch.GetTimestamp();
        KernelBinary binary = compiler!.Compile(variant, target);
        if (KernelCompiler.HasWarning(binary.Log))
        {
            report?.Invoke($"{compiler.Nvrtc} warns of {variant}:\n{binary.Log}");
        }
        cache?.Store(compiler.GetKey(variant, target), binary);
        return new KernelImage(variant, binary, KernelOrigin.Compiled, Stopwatch.GetElapsedTime(start));
    }

    private KernelImage FindCheckedIn(KernelVariant variant)
    {
        long start = Stopwatch.GetTimestamp();
        KernelBinary binary = checkedIn!.Find(variant) ?? throw CudaException.Unavailable(
            "NVRTC", "", $"{variant} is not among the checked-in PTX of {sources.Name}, and cannot be compiled: {reason}");
        return new KernelImage(variant, binary, KernelOrigin.CheckedIn, Stopwatch.GetElapsedTime(start));
    }
}
