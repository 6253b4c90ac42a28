using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class KernelSourcesTests
{
    [Fact]
    public void A_program_has_each_header_once_under_one_name()
    {
        KernelProgram program = TestKernels.Sources.GetProgram("scale.cu");
        Assert.Equal("/kernels/scale.cu", program.Main.Name);
        Assert.StartsWith("#include \"/kernels/common/scale.cuh\"\n", program.Main.Text, StringComparison.Ordinal);
        Assert.Equal(["/kernels/common/scale.cuh", "/kernels/common/types.cuh"], HeaderNames(program));
        string header = program.Headers.Single(candidate => candidate.Name.EndsWith("scale.cuh", StringComparison.Ordinal)).Text;
        Assert.Equal(2, header.Split("#include \"/kernels/common/types.cuh\"").Length - 1);
    }

    [Theory]
    [InlineData("scale.cu")]
    [InlineData("common/scale.cuh")]
    [InlineData("common/types.cuh")]
    public void The_hash_depends_on_every_file_that_is_included(string file)
    {
        string changed = TestKernels.Files[file] + " ";
        Assert.NotEqual(Hash(TestKernels.Sources), Hash(TestKernels.With(file, changed)));
    }

    [Fact]
    public void The_hash_does_not_depend_on_other_files() =>
        Assert.Equal(Hash(TestKernels.Sources), Hash(TestKernels.With("warns.cu", "")));

    [Fact]
    public void Line_ends_of_Windows_change_nothing()
    {
        KernelSources windows = new(TestKernels.Files.ToDictionary(
            file => file.Key, file => file.Value.Replace("\n", "\r\n", StringComparison.Ordinal)));
        Assert.Equal(Hash(TestKernels.Sources), Hash(windows));
        Assert.Equal(TestKernels.Sources.GetProgram("scale.cu").Main, windows.GetProgram("scale.cu").Main);
    }

    [Fact]
    public void Files_that_include_each_other_are_taken_once()
    {
        KernelSources sources = new(new Dictionary<string, string>
        {
            ["a.cu"] = "#include \"b.cuh\"\n",
            ["b.cuh"] = "#pragma once\n  #  include \"c.cuh\"\n",
            ["c.cuh"] = "#pragma once\n#include \"b.cuh\"\n",
        });
        Assert.Equal(["/kernels/b.cuh", "/kernels/c.cuh"], HeaderNames(sources.GetProgram("a.cu")));
    }

    [Fact]
    public void A_missing_include_is_named_with_file_and_line()
    {
        KernelSources sources = TestKernels.With("common/scale.cuh", "\n\n#include \"absent.cuh\"\n");
        FileNotFoundException exception = Assert.Throws<FileNotFoundException>(() => sources.GetProgram("scale.cu"));
        Assert.StartsWith(
            "kernels/common/scale.cuh(3): \"absent.cuh\" is not among", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_named() => Assert.Contains(
        "absent.cu is not among the kernel sources of the given texts",
        Assert.Throws<FileNotFoundException>(() => TestKernels.Sources.GetProgram("absent.cu")).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_folder_gives_the_same_program_as_its_texts()
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, string text) in TestKernels.Files)
        {
            string path = Path.Combine(folder.Path, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }
        KernelSources sources = KernelSources.FromFolder(folder.Path);
        Assert.Equal(Hash(TestKernels.Sources), Hash(sources));
        Assert.Null(sources.Find("absent.cu"));
        Assert.Throws<DirectoryNotFoundException>(() => KernelSources.FromFolder(Path.Combine(folder.Path, "absent")));
    }

    [Fact]
    public void Hashes_stand_for_the_texts_of_a_file_and_of_all_headers()
    {
        const string hashes = "a.cu 1\nb.cu 2\nba.cu 3\ncommon/x.cuh 4\ny.cuh 5\n";
        string original = Fingerprint("b.cu", hashes);
        Assert.Equal(original, Fingerprint("b.cu", hashes.Replace("a.cu 1", "a.cu 9", StringComparison.Ordinal)));
        Assert.NotEqual(original, Fingerprint("a.cu", hashes));
        foreach (string line in new[] { "b.cu 2", "common/x.cuh 4", "y.cuh 5" })
        {
            Assert.NotEqual(original, Fingerprint("b.cu", hashes.Replace(line, line + "0", StringComparison.Ordinal)));
        }

        // Neither is read; a file that is not listed is, as is every one where nothing is listed.
        Assert.Throws<FileNotFoundException>(() => Fingerprint("absent.cu", hashes));
        Assert.NotEqual(
            TestKernels.Sources.GetFingerprint("scale.cu"),
            TestKernels.With("common/types.cuh", "typedef int u32;").GetFingerprint("scale.cu"));

        // Nor are those of a folder believed, whose files may be edited.
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, KernelSources.Hashes), hashes);
            File.WriteAllText(Path.Combine(folder, "a.cu"), "one");
            string before = KernelSources.FromFolder(folder).GetFingerprint("a.cu");
            File.WriteAllText(Path.Combine(folder, "a.cu"), "other");
            Assert.NotEqual(before, KernelSources.FromFolder(folder).GetFingerprint("a.cu"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        static string Fingerprint(string file, string hashes) =>
            new KernelSources(new Dictionary<string, string> { [KernelSources.Hashes] = hashes }).GetFingerprint(file);
    }

    [Fact]
    public void Variants_are_equal_by_their_macros_in_any_order()
    {
        var one = new KernelVariant("a/b.cu", "FT_X=1", "FT_C=2");
        var same = new KernelVariant("a/b.cu", "FT_C=2", "FT_X=1");
        Assert.Equal(one, same);
        Assert.Equal(one.GetHashCode(), same.GetHashCode());
        Assert.Equal("a/b.cu [FT_C=2 FT_X=1]", one.ToString());
        Assert.Equal("a_b.FT_C-2.FT_X-1", one.FileName);
        Assert.NotEqual(one, new KernelVariant("a/b.cu", "FT_C=2"));
        Assert.NotEqual(one, new KernelVariant("a/b.cu", "FT_C=2", "FT_X=2"));
        Assert.Equal("b.cu", new KernelVariant("b.cu").ToString());
    }

    private static IEnumerable<string> HeaderNames(KernelProgram program) =>
        program.Headers.Select(header => header.Name).Order();

    private static string Hash(KernelSources sources) => sources.GetProgram("scale.cu").Hash;
}
