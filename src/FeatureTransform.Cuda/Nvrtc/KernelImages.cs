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
internal sealed record KernelImage(KernelVariant Variant, KernelBinary Binary, KernelOrigin Origin, TimeSpan Elapsed)
{
    /// <summary>Of PTX, its kernels as the driver has compiled them, where that is known.</summary>
    public IReadOnlyList<CudaKernel> Compiled { get; init; } = [];
}

/// <summary>
/// Finds for a device of some compute capability what its driver can load: in the cache, by compilation, or, without NVRTC, among
/// the checked-in PTX. It needs no device. Not safe for use by several threads at once.
/// </summary>
internal sealed class KernelImages
{
    private readonly KernelSources sources;
    private readonly Version capability;
    private readonly bool ptx;
    private readonly KernelCache? cache;
    private readonly Action<string>? report;
    private readonly int newest;

    // Whose output is taken from the cache: the installed NVRTC's, before it is loaded, and that of the one that was.
    private string? nvrtc;

    // One of them, once NVRTC has been loaded, or could not be.
    private KernelCompiler? compiler;
    private (CheckedInPtx Ptx, string Reason)? checkedIn;

    /// <summary>With an NVRTC that the caller has.</summary>
    /// <exception cref="CudaException">It does not compile for this device.</exception>
    public KernelImages(
        KernelSources sources, Version capability, Nvrtc nvrtc, KernelCache? cache, bool ptx, Action<string>? report)
        : this(sources, capability, cache, ptx, report) => Use(nvrtc);

    /// <summary>Without NVRTC, for a reason.</summary>
    /// <exception cref="CudaException">The checked-in PTX is not for this device.</exception>
    public KernelImages(KernelSources sources, Version capability, string reason, Action<string>? report)
        : this(sources, capability, cache: null, ptx: true, report) => UseCheckedIn(reason);

    private KernelImages(
        KernelSources sources, Version capability, KernelCache? cache, bool ptx, Action<string>? report, int newest = int.MaxValue)
    {
        (this.sources, this.capability, this.cache, this.ptx, this.report) = (sources, capability, cache, ptx, report);
        this.newest = newest;
    }

    /// <summary>
    /// With the NVRTC that is installed. Where its file can be told without loading it, which takes as long as all else together,
    /// it is only loaded when something is not in the cache.
    /// </summary>
    /// <param name="sources">The kernels.</param>
    /// <param name="capability">The device's compute capability.</param>
    /// <param name="newestNvrtc">The newest major version to look for.</param>
    /// <param name="cache">Where compiled kernels are kept.</param>
    /// <param name="ptx">Compile to PTX in any case.</param>
    /// <param name="report">Is told what a person may want to know.</param>
    /// <exception cref="CudaException">NVRTC fails, or nothing here can run on this device.</exception>
    public static KernelImages Open(
        KernelSources sources, Version capability, int newestNvrtc, KernelCache cache, bool ptx, Action<string>? report)
    {
        var images = new KernelImages(sources, capability, cache, ptx, report, newestNvrtc);
        images.nvrtc = NativeLibraries.IdentifyNvrtc(newestNvrtc);
        if (images.nvrtc is null)
        {
            images.LoadNvrtc();
        }
        return images;
    }

    /// <summary>Finds several variants; those that have to be compiled are compiled in parallel.</summary>
    /// <exception cref="KernelCompileException">One does not compile.</exception>
    /// <exception cref="CudaException">There is no NVRTC, and one is not among the checked-in PTX; or NVRTC fails, or does not
    /// compile for this device.</exception>
    public IReadOnlyList<KernelImage> Find(IReadOnlyList<KernelVariant> variants)
    {
        var images = new KernelImage?[variants.Count];
        if (nvrtc is not null && FindCached(variants, images))
        {
            return images!;
        }
        string? expected = nvrtc;
        if (compiler is null && checkedIn is null)
        {
            LoadNvrtc();
        }
        if (checkedIn is not null)
        {
            return [.. variants.Select(FindCheckedIn)];
        }
        if (nvrtc != expected && FindCached(variants, images)) // the loader took another file
        {
            return images!;
        }
        CompileMissing(variants, images);
        return images!;
    }

    private void LoadNvrtc()
    {
        if (Nvrtc.TryLoad(out Nvrtc? loaded, out string? reason, newest))
        {
            Use(loaded);
        }
        else
        {
            UseCheckedIn(reason);
        }
    }

    private void Use(Nvrtc loaded)
    {
        loaded.GetTarget(capability, ptx); // refuses a device that is too old before the first compilation
        compiler = new KernelCompiler(loaded, sources) { AllowWarnings = true };
        nvrtc = loaded.Identity;
    }

    private void UseCheckedIn(string reason)
    {
        if (capability < CheckedInPtx.OldestDevice)
        {
            throw CudaException.Unavailable(
                "NVRTC", "", $"the device is of compute capability {capability}, the checked-in PTX is for "
                + $"{CheckedInPtx.OldestDevice} and newer, and for an older one kernels cannot be compiled: {reason}");
        }
        (nvrtc, checkedIn) = (null, (new CheckedInPtx(sources), reason));
        report?.Invoke(
            $"Kernels are PTX for {CheckedInPtx.Architecture}, which the driver compiles, since NVRTC cannot be used: {reason}");
    }

    private void CompileMissing(IReadOnlyList<KernelVariant> variants, KernelImage?[] images)
    {
        int[] missing = [.. Enumerable.Range(0, images.Length).Where(i => images[i] is null)];
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

    /// <summary>Whether the cache has them all.</summary>
    private bool FindCached(IReadOnlyList<KernelVariant> variants, KernelImage?[] images)
    {
        bool all = true;
        for (int i = 0; i < images.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            KernelBinary? binary = cache?.Find(KeyOf(variants[i]));
            images[i] = binary is null
                ? null
                : new KernelImage(variants[i], binary, KernelOrigin.Cache, Stopwatch.GetElapsedTime(start));
            all &= binary is not null;
        }
        return all;
    }

    private KernelImage Compile(KernelVariant variant)
    {
        long start = Stopwatch.GetTimestamp();
        KernelBinary binary = compiler!.Compile(variant, compiler.Nvrtc.GetTarget(capability, ptx));
        if (KernelCompiler.HasWarning(binary.Log))
        {
            report?.Invoke($"{compiler.Nvrtc} warns of {variant}:\n{binary.Log}");
        }
        cache?.Store(KeyOf(variant), binary);
        return new KernelImage(variant, binary, KernelOrigin.Compiled, Stopwatch.GetElapsedTime(start));
    }

    private string KeyOf(KernelVariant variant) => KernelCompiler.GetKey(
        sources, variant, $"{(ptx ? "compute" : "sm")}_{capability.Major}{capability.Minor}", nvrtc!);

    private KernelImage FindCheckedIn(KernelVariant variant)
    {
        long start = Stopwatch.GetTimestamp();
        (CheckedInPtx files, string reason) = checkedIn!.Value;
        KernelBinary binary = files.Find(variant) ?? throw CudaException.Unavailable(
            "NVRTC", "", $"{variant} is not among the checked-in PTX of {sources.Name}, and cannot be compiled: {reason}");
        return new KernelImage(variant, binary, KernelOrigin.CheckedIn, Stopwatch.GetElapsedTime(start));
    }
}
