using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>Compiles the kernels for every architecture, on all cores, and takes them apart.</summary>
internal sealed class StaticCompilation
{
    private const int Oldest = 80;

    // Those of devices that training runs on, whose code nvdisasm knows where it is as new as NVRTC 12. For the others one variant of
    // each file is compiled, which shows that they take it.
    private static readonly string[] InFull = ["sm_80", "sm_86", "sm_89", "sm_90"];

    private readonly KernelCompiler compiler;
    private readonly Disassembler? disassembler;
    private readonly string[] inFull;

    /// <summary>
    /// Kernels are compiled by <paramref name="nvrtc"/>; without a disassembler their loops stay unknown. All variants are compiled for
    /// <paramref name="inFull"/>, by default the architectures of <see cref="IsInFull"/>.
    /// </summary>
    public StaticCompilation(Nvrtc nvrtc, Disassembler? disassembler, string[]? inFull = null)
    {
        this.inFull = inFull ?? InFull;
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

    /// <summary>Whether a report has all variants of an architecture, taken apart.</summary>
    public static bool IsInFull(string architecture) => InFull.Contains(architecture);

    /// <summary>Compiles variants; kernels in the order of their variants, architectures oldest first.</summary>
    /// <exception cref="AggregateException">Some do not compile.</exception>
    public List<CompiledKernel> Run(IReadOnlyList<KernelVariant> variants)
    {
        (KernelVariant Variant, string Architecture)[] work =
        [
            .. variants.SelectMany(variant => Architectures.Select(architecture => (variant, architecture))
                .Where(one => inFull.Contains(one.architecture) || variant == variants.First(other => other.File == variant.File))),
        ];
        var compiled = new (CompiledKernel Kernel, ReadOnlyMemory<byte> Code)[work.Length][];
        Parallel.ForEach(
            Partitioner.Create(Enumerable.Range(0, work.Length), EnumerablePartitionerOptions.NoBuffering),
            i => compiled[i] = [.. Compile(work[i].Variant, work[i].Architecture)]);
        (CompiledKernel Kernel, ReadOnlyMemory<byte> Code)[] all = [.. compiled.SelectMany(kernels => kernels)];
        Dictionary<string, MainLoop> loops = FindLoops(all.Where(one => inFull.Contains(one.Kernel.Architecture)));
        return
        [
            .. all.Select(one => one.Kernel with { Loop = loops.GetValueOrDefault(HashOf(one.Code)) })
                .GroupBy(kernel => kernel.Kernel).SelectMany(kernel => kernel),
        ];
    }

    private static string HashOf(ReadOnlyMemory<byte> code) => Convert.ToHexString(SHA256.HashData(code.Span));

    // By the hash of the code, which several architectures may have the same.
    private Dictionary<string, MainLoop> FindLoops(IEnumerable<(CompiledKernel Kernel, ReadOnlyMemory<byte> Code)> kernels)
    {
        var loops = new ConcurrentDictionary<string, MainLoop>();
        if (disassembler is not null)
        {
            Parallel.ForEach(kernels.DistinctBy(one => HashOf(one.Code)).GroupBy(one => one.Kernel.Architecture), architecture =>
            {
                ReadOnlyMemory<byte>[] code = [.. architecture.Select(one => one.Code)];
                List<SassInstruction[]> listings = disassembler.Disassemble(architecture.Key, code);
                for (int i = 0; i < code.Length; i++)
                {
                    loops[HashOf(code[i])] = MainLoop.Find(listings[i]);
                }
            });
        }

        return new(loops);
    }

    private IEnumerable<(CompiledKernel Kernel, ReadOnlyMemory<byte> Code)> Compile(KernelVariant variant, string architecture)
    {
        KernelBinary binary = compiler.Compile(variant, architecture);
        var cubin = new Cubin(binary.Image);
        int warnings = KernelCompiler.HasWarning(binary.Log) ? 1 : 0;
        var shape = InfonceShape.Of(variant.File, variant.Defines);
        foreach (KernelFigures figures in binary.Figures.OrderBy(figures => figures.Kernel, StringComparer.Ordinal))
        {
            var kernel = new StaticKernel(
                variant, Name(figures.Kernel, variant, shape), cubin.Threads(figures.Kernel),
                KernelCatalog.DynamicShared(variant, figures.Kernel), shape);
            yield return (new(kernel, architecture, figures, warnings, Loop: null), cubin.CodeOf(figures.Kernel));
        }
    }

    // The shape in words, or the macros without their common prefix.
    private static string Name(string kernel, KernelVariant variant, InfonceShape? shape)
    {
        IEnumerable<string> macros = variant.Defines.Order(StringComparer.Ordinal)
            .Select(define => define.Replace("FT_", "", StringComparison.Ordinal).Replace('=', ' '));
        return string.Join(", ", [kernel, .. shape is null ? macros : [shape.Description]]);
    }
}
