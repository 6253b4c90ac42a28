using System.Collections.Concurrent;
using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>Compiles the kernels for every architecture, on all cores, and takes them apart.</summary>
internal sealed class StaticCompilation
{
    private const int Oldest = 80;

    // The architectures whose code every disassembler knows that is as new as NVRTC 12.
    private static readonly string[] Disassembled = ["sm_80", "sm_86", "sm_87", "sm_89", "sm_90"];

    private readonly KernelCompiler compiler;
    private readonly Disassembler? disassembler;

    /// <summary>Kernels are compiled by <paramref name="nvrtc"/>; without a disassembler their loops stay unknown.</summary>
    public StaticCompilation(Nvrtc nvrtc, Disassembler? disassembler)
    {
        compiler = new(nvrtc, KernelSet.LoadSources()) { AllowWarnings = true };
        this.disassembler = disassembler;
    }

    /// <summary>The architectures, oldest first: all that this NVRTC knows from sm_80 on.</summary>
    public IEnumerable<string> Architectures => compiler.Nvrtc.Architectures.Where(number => number >= Oldest)
        .Select(number => string.Create(CultureInfo.InvariantCulture, $"sm_{number}"));

    /// <summary>What compiles and disassembles, a line each.</summary>
    public IEnumerable<string> Tools =>
    [
        $"{compiler.Nvrtc} with its assembler",
        disassembler is null
            ? "nvdisasm is not installed: no figures of main loops, no times of the model"
            : $"nvdisasm: {disassembler.Version}",
    ];

    /// <summary>Compiles variants; kernels in the order of their variants, architectures oldest first.</summary>
    /// <exception cref="AggregateException">Some do not compile.</exception>
    public List<CompiledKernel> Run(IReadOnlyList<KernelVariant> variants)
    {
        var compiled = new CompiledKernel[variants.Count][];
        Parallel.ForEach(Partitioner.Create(Enumerable.Range(0, variants.Count), EnumerablePartitionerOptions.NoBuffering), i =>
        {
            var listings = new Dictionary<string, List<SassFunction>>();
            compiled[i] = [.. Architectures.SelectMany(architecture => Compile(variants[i], architecture, listings))];
        });
        return [.. compiled.SelectMany(kernels => kernels.GroupBy(kernel => kernel.Kernel).SelectMany(kernel => kernel))];
    }

    private IEnumerable<CompiledKernel> Compile(
        KernelVariant variant, string architecture, Dictionary<string, List<SassFunction>> listings)
    {
        KernelBinary binary = compiler.Compile(variant, architecture);
        var cubin = new Cubin(binary.Image);
        if (!listings.TryGetValue(cubin.CodeHash, out List<SassFunction>? functions))
        {
            bool listed = disassembler is not null && Disassembled.Contains(architecture);
            functions = listed ? SassFunction.Parse(disassembler!.Disassemble(binary.Image.Span)) : [];
            listings.Add(cubin.CodeHash, functions);
        }

        int warnings = KernelCompiler.HasWarning(binary.Log) ? 1 : 0;
        var shape = InfonceShape.Of(variant.File, variant.Defines);
        int shared = KernelCatalog.DynamicShared(variant);
        return binary.Figures.OrderBy(figures => figures.Kernel, StringComparer.Ordinal).Select(figures => new CompiledKernel(
            new(variant, Name(figures.Kernel, variant, shape), cubin.Threads(figures.Kernel), shared, shape),
            architecture, figures, warnings,
            functions.Find(function => function.Name == figures.Kernel) is { } function ? MainLoop.Find(function) : null));
    }

    // The shape in words, or the macros without their common prefix.
    private static string Name(string kernel, KernelVariant variant, InfonceShape? shape)
    {
        IEnumerable<string> macros = variant.Defines.Order(StringComparer.Ordinal)
            .Select(define => define.Replace("FT_", "", StringComparison.Ordinal).Replace('=', ' '));
        return string.Join(", ", [kernel, .. shape is null ? macros : [shape.Description]]);
    }
}
