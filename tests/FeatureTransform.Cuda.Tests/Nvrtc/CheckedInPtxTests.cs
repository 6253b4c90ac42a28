using System.Text;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class CheckedInPtxTests : IDisposable
{
    private static readonly KernelVariant[] Variants = [TestKernels.Scale2, TestKernels.Scale3, new("calls.cu")];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void What_is_written_is_found()
    {
        CheckedInPtx ptx = new(Written());
        Assert.Empty(ptx.FindStale(Variants));
        KernelCompiler compiler = RealNvrtc.Compiler(TestKernels.Sources);
        Assert.All(Variants, variant =>
        {
            KernelBinary binary = ptx.Find(variant)!;
            Assert.Equal("compute_80", binary.Architecture);
            Assert.Equal(Text(compiler.Compile(variant, "compute_80")), Text(binary));
        });
        Assert.Null(ptx.Find(new("scale.cu", "FT_FACTOR=4")));
        Assert.All(ptx.Entries, entry => Assert.Equal(RealNvrtc.Get().Version.ToString(), entry.Nvrtc));
    }

    [Fact]
    public void Writing_again_changes_nothing_and_removes_what_is_of_no_use()
    {
        Written();
        Dictionary<string, string> before = Files();
        Assert.Equal(
            ["calls.ptx", "manifest.json", "scale.FT_FACTOR-2.ptx", "scale.FT_FACTOR-3.ptx"],
            before.Keys.Order(StringComparer.Ordinal));
        Written();
        Assert.Equal(before, Files());
        Written([TestKernels.Scale2]);
        Assert.Equal(["manifest.json", "scale.FT_FACTOR-2.ptx"], Files().Keys.Order());
    }

    [Fact]
    public void An_empty_set_and_no_folder_are_not_stale()
    {
        Assert.Empty(new CheckedInPtx(Written([])).FindStale([]));
        Assert.Empty(new CheckedInPtx(TestKernels.Sources).FindStale([]));
        Assert.Equal(["calls.cu has no checked-in PTX."], new CheckedInPtx(TestKernels.Sources).FindStale([new("calls.cu")]));
    }

    [Theory]
    [InlineData("scale.cu")]
    [InlineData("common/types.cuh")]
    public void A_changed_source_makes_its_variants_stale(string file)
    {
        KernelSources written = Written();
        Dictionary<string, string> texts = new(TestKernels.Files) { [file] = TestKernels.Files[file] + "// a change\n" };
        CheckedInPtx ptx = new(WithPtx(texts));
        string[] stale = [.. ptx.FindStale(Variants)];
        Assert.Equal(2, stale.Length);
        Assert.All(stale, reason => Assert.Contains("compiled from other sources", reason, StringComparison.Ordinal));
        Assert.Throws<InvalidOperationException>(() => ptx.Find(TestKernels.Scale2));
        Assert.NotNull(ptx.Find(new("calls.cu")));
        Assert.Empty(new CheckedInPtx(written).FindStale(Variants));
    }

    [Fact]
    public void A_variant_or_file_too_few_or_too_many_is_named()
    {
        KernelSources written = Written();
        Assert.Equal(
            ["warns.cu has no checked-in PTX.", "The checked-in PTX of calls.cu is of no use."],
            new CheckedInPtx(written).FindStale([TestKernels.Scale2, TestKernels.Scale3, new("warns.cu")]));
        File.Delete(Path.Combine(folder.Path, "calls.ptx"));
        Assert.Equal(
            ["The checked-in PTX calls.ptx is missing."], new CheckedInPtx(WithPtx(TestKernels.Files)).FindStale(Variants));
    }

    private static string Text(KernelBinary binary) => Encoding.UTF8.GetString(binary.Image.Span);

    private KernelSources Written(KernelVariant[]? variants = null)
    {
        CheckedInPtx.Write(folder.Path, RealNvrtc.Compiler(TestKernels.Sources), variants ?? Variants);
        return WithPtx(TestKernels.Files);
    }

    private KernelSources WithPtx(Dictionary<string, string> texts) =>
        new(texts.Concat(Files().ToDictionary(file => "ptx/" + file.Key, file => file.Value)).ToDictionary());

    private Dictionary<string, string> Files() =>
        Directory.GetFiles(folder.Path).ToDictionary(path => Path.GetFileName(path), File.ReadAllText);
}
