namespace FeatureTransform.Cuda;

/// <summary>
/// The kernels of a context: variants are compiled for its device when they are first asked for, or taken from the cache, and
/// stay loaded. Safe for use by any thread; one that asks waits while another's variants are compiled.
/// </summary>
public sealed class KernelLibrary : IDisposable
{
    private readonly CudaContext context;
    private readonly KernelImages images;
    private readonly Func<KernelImages>? assembled; // where the device executes PTX: what its architecture's assembler makes of it
    private readonly Dictionary<KernelVariant, (CudaModule Module, KernelImage Image)> loaded = [];
    private readonly Lock gate = new();

    /// <summary>Kernels compiled by an NVRTC that the caller has.</summary>
    /// <param name="context">Where modules are loaded; it outlives them.</param>
    /// <param name="sources">The kernels.</param>
    /// <param name="nvrtc">The compiler.</param>
    /// <param name="cache">Where compiled kernels are kept; null to compile them in each run.</param>
    /// <param name="ptx">Compile to PTX, for a device that executes no machine code, such as an emulator.</param>
    /// <param name="report">Is told what a person may want to know, such as warnings of the compiler.</param>
    /// <exception cref="CudaException">NVRTC does not compile for this device.</exception>
    public KernelLibrary(
        CudaContext context, KernelSources sources, Nvrtc nvrtc, KernelCache? cache = null, bool ptx = false,
        Action<string>? report = null)
        : this(context, new KernelImages(sources, context.Device.ComputeCapability, nvrtc, cache, ptx, report))
    {
    }

    private KernelLibrary(CudaContext context, KernelImages images, Func<KernelImages>? assembled = null) =>
        (this.context, this.images, this.assembled) = (context, images, assembled);

    /// <summary>
    /// Kernels compiled by the NVRTC that is installed, with the user's cache; where none is, the PTX that is checked in with
    /// the sources, and then the report says why.
    /// </summary>
    /// <param name="context">Where modules are loaded; it outlives them.</param>
    /// <param name="sources">The kernels.</param>
    /// <param name="ptx">Compile to PTX, for a device that executes no machine code, such as an emulator.</param>
    /// <param name="report">Is told what a person may want to know: no NVRTC, no cache, warnings of the compiler.</param>
    /// <exception cref="CudaException">NVRTC fails, or nothing here can run on this device.</exception>
    public static KernelLibrary Open(
        CudaContext context, KernelSources sources, bool ptx = false, Action<string>? report = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(sources);
        CudaDevice device = context.Device;
        KernelCache cache = KernelCache.Open(report);
        return new KernelLibrary(context, Images(ptx, report), ptx ? () => Images(ptx: false, report: null) : null);

        KernelImages Images(bool ptx, Action<string>? report) => KernelImages.Open(
            sources, device.ComputeCapability, device.Driver.Version / 1000, cache, ptx, report);
    }

    /// <summary>Kernels of the checked-in PTX alone, whatever is installed, so that what is counted of them is the same everywhere.</summary>
    /// <exception cref="CudaException">The device is too old for it.</exception>
    internal static KernelLibrary OpenCheckedIn(CudaContext context, KernelSources sources) =>
        new(context, new KernelImages(sources, context.Device.ComputeCapability, "only the checked-in PTX is asked for", report: null));

    /// <summary>
    /// Loads variants that will be needed, so that they are compiled in parallel and not one after another when they are asked
    /// for.
    /// </summary>
    /// <exception cref="FileNotFoundException">A file is not among the sources.</exception>
    /// <exception cref="KernelCompileException">One does not compile.</exception>
    /// <exception cref="CudaException">There is no NVRTC, and one is not among the checked-in PTX; or NVRTC fails, or the driver
    /// refuses.</exception>
    public void Load(params IReadOnlyList<KernelVariant> variants)
    {
        ArgumentNullException.ThrowIfNull(variants);
        lock (gate)
        {
            KernelVariant[] wanted = [.. variants.Where(variant => !loaded.ContainsKey(variant)).Distinct()];
            foreach (KernelImage image in images.Find(wanted))
            {
                loaded.Add(image.Variant, (new CudaModule(context, image.Binary.Image.Span), image));
            }
        }
    }

    /// <summary>A variant's module, loaded if it is not yet. The library owns it.</summary>
    /// <exception cref="FileNotFoundException">The file is not among the sources.</exception>
    /// <exception cref="KernelCompileException">It does not compile.</exception>
    /// <exception cref="CudaException">There is no NVRTC, and it is not among the checked-in PTX; or the driver
    /// refuses.</exception>
    public CudaModule GetModule(KernelVariant variant)
    {
        lock (gate)
        {
            Load([variant]);
            return loaded[variant].Module;
        }
    }

    /// <summary>A kernel of a variant; ask once and keep it.</summary>
    /// <exception cref="FileNotFoundException">The file is not among the sources.</exception>
    /// <exception cref="KernelCompileException">It does not compile.</exception>
    /// <exception cref="CudaException">There is no such kernel, or the variant cannot be had.</exception>
    public CudaKernel GetKernel(KernelVariant variant, string name) => GetModule(variant).GetKernel(name);

    /// <summary>
    /// A table of all that is loaded, for a person: registers, memory and spills of each kernel, where it comes from and how long
    /// that took. Of PTX the driver tells registers, shared memory and, as stack, local memory, which has the spills in it. For a
    /// device that executes PTX itself the table is of what the assembler makes for its architecture, where NVRTC is there.
    /// </summary>
    public string Describe()
    {
        lock (gate)
        {
            return KernelTable.Format(assembled is null ? loaded.Values.Select(Described) : assembled().Find([.. loaded.Keys]));
        }
    }

    private static KernelImage Described((CudaModule Module, KernelImage Image) item) =>
        item.Image with { Compiled = [.. item.Image.Binary.PtxKernels.Select(item.Module.GetKernel)] };

    /// <summary>Unloads all modules.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            foreach ((CudaModule module, _) in loaded.Values)
            {
                module.Dispose();
            }
            loaded.Clear();
        }
    }
}
