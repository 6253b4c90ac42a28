using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class KernelImagesTests : IDisposable
{
    private static readonly Version Device = new(8, 6);

    private readonly TemporaryFolder folder = new();
    private readonly List<string> reports = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_second_run_compiles_nothing()
    {
        KernelVariant[] variants = [TestKernels.Scale2, new("calls.cu"), TestKernels.Scale3];
        IReadOnlyList<KernelImage> first = Images(TestKernels.Sources).Find(variants);
        Assert.Equal(variants, first.Select(image => image.Variant));
        Assert.All(first, image => Assert.Equal((KernelOrigin.Compiled, "sm_86"), (image.Origin, image.Binary.Architecture)));

        IReadOnlyList<KernelImage> second = Images(TestKernels.Sources).Find(variants);
        Assert.All(second, image => Assert.Equal(KernelOrigin.Cache, image.Origin));
        Assert.Equal(
            first.Select(image => image.Binary.Image.ToArray()), second.Select(image => image.Binary.Image.ToArray()));
        Assert.Equal(first.SelectMany(image => image.Binary.Figures), second.SelectMany(image => image.Binary.Figures));
        Assert.Empty(reports);
    }

    [Fact]
    public void Only_what_is_not_in_the_cache_is_compiled()
    {
        Images(TestKernels.Sources).Find([TestKernels.Scale2]);
        Assert.Equal(
            [KernelOrigin.Compiled, KernelOrigin.Cache],
            Images(TestKernels.Sources).Find([TestKernels.Scale3, TestKernels.Scale2]).Select(image => image.Origin));
    }

    [Fact]
    public void A_change_of_a_header_architecture_or_form_is_compiled_anew()
    {
        KernelOrigin Origin(KernelSources sources, Version device, bool ptx) =>
            Assert.Single(Images(sources, device, ptx).Find([TestKernels.Scale2])).Origin;

        const string header = "common/types.cuh";
        KernelSources changed = TestKernels.With(header, TestKernels.Files[header] + "typedef int i32;\n");
        KernelSources irrelevant = TestKernels.With("calls.cu", "");
        Assert.Equal(KernelOrigin.Compiled, Origin(TestKernels.Sources, Device, false));
        Assert.Equal(KernelOrigin.Compiled, Origin(changed, Device, false));
        Assert.Equal(KernelOrigin.Compiled, Origin(TestKernels.Sources, new(8, 0), false));
        Assert.Equal(KernelOrigin.Compiled, Origin(TestKernels.Sources, Device, true));
        Assert.Equal(KernelOrigin.Cache, Origin(irrelevant, Device, false));
        Assert.Equal(KernelOrigin.Cache, Origin(TestKernels.Sources, Device, false));
    }

    [Fact]
    public void A_damaged_entry_is_built_anew()
    {
        KernelImage first = Assert.Single(Images(TestKernels.Sources).Find([TestKernels.Scale2]));
        string file = Assert.Single(Directory.GetFiles(folder.Path));
        byte[] bytes = File.ReadAllBytes(file);
        bytes[^5] ^= 1;
        File.WriteAllBytes(file, bytes);
        KernelImage second = Assert.Single(Images(TestKernels.Sources).Find([TestKernels.Scale2]));
        Assert.Equal(KernelOrigin.Compiled, second.Origin);
        Assert.Equal(first.Binary.Image.ToArray(), second.Binary.Image.ToArray());
        Assert.Equal(KernelOrigin.Cache, Assert.Single(Images(TestKernels.Sources).Find([TestKernels.Scale2])).Origin);
    }

    [Fact]
    public void A_device_newer_than_NVRTC_gets_PTX_of_the_newest_that_it_knows()
    {
        int newest = RealNvrtc.Get().Architectures[^1];
        KernelImage image = Assert.Single(Images(TestKernels.Sources, new(99, 0)).Find([TestKernels.Scale2]));
        Assert.Equal($"compute_{newest}", image.Binary.Architecture);
        string text = System.Text.Encoding.UTF8.GetString(image.Binary.Image.Span);
        Assert.Contains($".target sm_{newest}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_several_failures_the_first_of_the_list_is_thrown_and_the_others_are_cached()
    {
        KernelImages images = Images(TestKernels.Sources);
        KernelCompileException exception = Assert.Throws<KernelCompileException>(
            () => images.Find([TestKernels.Scale2, new("wrong.cu", "FT_N=1"), new("wrong.cu", "FT_N=2"), TestKernels.Scale3]));
        Assert.Equal(new("wrong.cu", "FT_N=1"), exception.Variant);
        Assert.All(
            images.Find([TestKernels.Scale2, TestKernels.Scale3]), image => Assert.Equal(KernelOrigin.Cache, image.Origin));
    }

    [Fact]
    public void A_warning_is_reported_and_no_failure()
    {
        Images(TestKernels.Sources).Find([new("warns.cu")]);
        Assert.Contains("kernels/warns.cu(3): warning", Assert.Single(reports), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_NVRTC_the_checked_in_PTX_is_taken_and_the_reason_reported()
    {
        KernelImages images = new(TestKernels.WithPtx(TestKernels.Scale2), Device, "it is not installed.", reports.Add);
        KernelImage image = Assert.Single(images.Find([TestKernels.Scale2]));
        Assert.Equal((KernelOrigin.CheckedIn, "compute_80"), (image.Origin, image.Binary.Architecture));
        Assert.Contains("it is not installed.", Assert.Single(reports), StringComparison.Ordinal);
    }

    [Fact]
    public void What_neither_has_is_refused_with_the_reason()
    {
        KernelImages images = new(TestKernels.WithPtx(TestKernels.Scale2), Device, "it is not installed.", null);
        CudaException exception = Assert.Throws<CudaException>(() => images.Find([TestKernels.Scale3]));
        Assert.True(exception.IsUnavailable);
        Assert.Contains(
            "scale.cu [FT_FACTOR=3] is not among the checked-in PTX of the given texts, and cannot be compiled: "
            + "it is not installed.",
            exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_checked_in_PTX_is_refused_for_an_older_device()
    {
        CudaException exception = Assert.Throws<CudaException>(
            () => new KernelImages(TestKernels.WithPtx(TestKernels.Scale2), new(7, 5), "it is not installed.", null));
        Assert.True(exception.IsUnavailable);
        Assert.Contains("compute capability 7.5", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_has_a_line_for_each_kernel()
    {
        KernelBinary cubin = new("sm_86", default, """
            ptxas info    : Compiling entry function 'scale' for 'sm_86'
            ptxas         .     0 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
            ptxas info    : Used 10 registers, 512 bytes smem, 372 bytes cmem[0]
            """);
        string table = KernelTable.Format(
        [
            new(TestKernels.Scale2, cubin, KernelOrigin.Compiled, TimeSpan.FromMilliseconds(1234.4)),
            new(new("calls.cu"), new("compute_80", default, ""), KernelOrigin.CheckedIn, TimeSpan.Zero),
        ]);
        Assert.Equal(
            """
            kernel             for         registers  spill st  spill ld  shared  constant  stack  from
            calls.cu           compute_80          -         -         -       -         -      -  checked-in PTX, 0 ms
            scale FT_FACTOR=2  sm_86              10         4         8     512       372      0  NVRTC, 1234 ms
            """, table);
    }

    private KernelImages Images(KernelSources sources, Version? device = null, bool ptx = false) =>
        new(sources, device ?? Device, RealNvrtc.Get(), new KernelCache(folder.Path), ptx, reports.Add);
}
