using FeatureTransform.Benchmarks.Static;
using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>
/// Every kernel, compiled by the NVRTC that is installed for every architecture that it knows, against bars and bounds: all variants for the
/// oldest and the newest architecture that the report has in full, for the others one of each file or, with FT_FULL=1, all there too.
/// </summary>
public sealed class StaticReportTests(StaticReportTests.Compiled compiled) : IClassFixture<StaticReportTests.Compiled>
{
    [Fact]
    public void Every_kernel_compiles_for_every_architecture_without_a_warning_and_without_spilling()
    {
        Assert.SkipWhen(compiled.Kernels is null, compiled.Reason);
        Assert.Equal("", string.Join('\n', Missed(figure => figure.Name is "warnings" or "spills, bytes" or "stack, bytes")));
    }

    [Fact]
    public void Every_figure_is_what_it_must_be()
    {
        Assert.SkipWhen(compiled.Kernels is null, compiled.Reason);
        bool listed = compiled.Kernels.Exists(kernel => kernel.Loop is not null);
        Assert.SkipUnless(listed, "nvdisasm is not installed: main loops are not known.");
        Assert.Equal("", string.Join('\n', Missed(_ => true)));
    }

    [Fact]
    public void No_kernel_takes_more_than_its_bound()
    {
        Assert.SkipWhen(compiled.Kernels is null, compiled.Reason);
        Bounds bounds = Bounds.Read(Path.Combine(AppContext.BaseDirectory, "bounds.json"));
        Assert.SkipUnless(
            bounds.Compiler == compiled.Compiler,
            $"The bounds are for NVRTC {bounds.Compiler}; NVRTC {compiled.Compiler}, here, allocates registers otherwise.");
        Assert.Equal("", string.Join('\n', bounds.Regressions(compiled.Kernels)));
    }

    private IEnumerable<string> Missed(Predicate<Figure> which) => Figures.Of(compiled.Kernels!)
        .Where(figure => which(figure) && !figure.Met)
        .Select(figure => $"{figure.Kernel} on {figure.Arch}: {figure.Name} is {figure.Value:G6}, must be {figure.Must:G6}");

    /// <summary>Compiles once for all tests; no kernels, and the reason, where there is no NVRTC.</summary>
    public sealed class Compiled
    {
        public Compiled()
        {
            if (!Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason))
            {
                Reason = reason;
                return;
            }

            Compiler = nvrtc.Version.ToString();
            string[]? inFull = Environment.GetEnvironmentVariable("FT_FULL") == "1" ? null : ["sm_80", "sm_90"];
            Kernels = new StaticCompilation(nvrtc, Disassembler.Find(), inFull).Run(KernelCatalog.Variants);
        }

        internal List<CompiledKernel>? Kernels { get; }

        internal string Compiler { get; } = "";

        internal string Reason { get; } = "";
    }
}
