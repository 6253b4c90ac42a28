using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>
/// Runs with the NVRTC that is installed, each in a process of its own, with a cache in common: which NVRTC they load, if any, and
/// whose output they take.
/// </summary>
public sealed class InstalledNvrtcTests : IDisposable
{
    private const string LibraryVariable = "FEATURETRANSFORM_NVRTC";

    private readonly TemporaryFolder folder = new();
    private readonly List<string> reports = [];

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task It_is_not_loaded_where_the_cache_has_everything()
    {
        if (OtherProcess.Argument is { } argument)
        {
            KernelImages images = Open();
            Assert.False(IsLoaded());
            Assert.Equal(argument, Origins(images, TestKernels.Scale2));
            Assert.Equal(argument != "Cache", IsLoaded());
            Assert.Equal("Compiled", Origins(images, TestKernels.Scale3 with { Defines = [$"FT_FACTOR={Environment.ProcessId}"] }));
            Assert.True(IsLoaded());
            return;
        }
        string library = Install(Real());
        await Start("Compiled", library);
        await Start("Cache", library);

        static bool IsLoaded() => Process.GetCurrentProcess().Modules.Cast<ProcessModule>()
            .Any(module => module.ModuleName.Contains("libnvrtc.", StringComparison.Ordinal));
    }

    [Fact]
    public async Task One_that_was_replaced_is_noticed_and_its_output_not_mixed_with_the_others()
    {
        if (OtherProcess.Argument is { } argument)
        {
            Assert.Equal(argument, Origins(Open(), TestKernels.Scale2));
            return;
        }
        string library = Install(Real());
        await Start("Compiled", library);
        await Start("Cache", library);
        Replace(library);
        await Start("Compiled", library);
        await Start("Cache", library);
        File.Delete(library);
        Install(Real());
        await Start("Cache", library); // what the first one made is still its own
    }

    /// <summary>A process that has loaded another one before: the loader gives it again, whatever file it would find.</summary>
    [Fact]
    public async Task Where_the_loader_takes_another_file_than_expected_nothing_of_the_expected_one_is_used()
    {
        if (OtherProcess.Argument is { } argument)
        {
            string[] parts = argument.Split(' ');
            if (parts.Length > 1)
            {
                NativeLibrary.Load(parts[1]);
            }
            KernelImages images = Open();
            Assert.Equal(parts[0], Origins(images, TestKernels.Scale2, TestKernels.Scale3));
            return;
        }
        string library = Install(Real());
        Replace(library);
        Dictionary<string, string> variables = new()
        {
            ["LD_LIBRARY_PATH"] = folder.Path,
            [LibraryVariable] = "",
        };
        await Start("Compiled,Compiled", variables);
        await Start("Cache,Cache", variables);
        File.Delete(Directory.GetFiles(Cache, "*.kernel")[0]); // so that NVRTC is loaded
        await Start($"Compiled,Compiled {Real()}", variables);
    }

    [Fact]
    public async Task One_that_cannot_be_loaded_is_as_none()
    {
        if (OtherProcess.Argument is not null)
        {
            Assert.Equal("CheckedIn", Origins(Open(TestKernels.WithPtx(TestKernels.Scale2)), TestKernels.Scale2));
            Assert.Contains("libnvrtc.so.12: file too short", Assert.Single(reports), StringComparison.Ordinal);
            return;
        }
        string file = Path.Combine(folder.Path, "libnvrtc.so.12");
        File.WriteAllText(file, "no library");
        await Start("", file);
    }

    private string Cache => Path.Combine(folder.Path, "cache");

    private KernelImages Open(KernelSources? sources = null) => KernelImages.Open(
        sources ?? TestKernels.Sources, new Version(8, 6), newestNvrtc: 12, KernelCache.Open(), ptx: false, reports.Add);

    private static string Origins(KernelImages images, params KernelVariant[] variants) =>
        string.Join(',', images.Find(variants).Select(image => image.Origin));

    /// <summary>The file of an NVRTC; skips the test where there is none.</summary>
    private static unsafe string Real() => LibraryFile.Of((nint)RealNvrtc.Get().Api.nvrtcVersion)!;

    /// <summary>Links an NVRTC and its built-in functions into the folder.</summary>
    private string Install(string real)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the files are named as on Linux");
        string link = Path.Combine(folder.Path, "libnvrtc.so.12");
        File.CreateSymbolicLink(link, real);
        foreach (string builtins in Directory.GetFiles(Path.GetDirectoryName(real)!, "*nvrtc-builtins*"))
        {
            string copy = Path.Combine(folder.Path, Path.GetFileName(builtins));
            if (!File.Exists(copy))
            {
                File.CreateSymbolicLink(copy, builtins);
            }
        }
        return link;
    }

    /// <summary>Puts in a link's place what could be another version, but can do the same.</summary>
    private static void Replace(string library)
    {
        File.Delete(library);
        File.Copy(Real(), library);
        File.SetLastWriteTimeUtc(library, File.GetLastWriteTimeUtc(Real()).AddSeconds(1));
    }

    private Task Start(string argument, string library, [CallerMemberName] string test = "") =>
        Start(argument, new Dictionary<string, string> { [LibraryVariable] = library }, test);

    private Task Start(
        string argument, Dictionary<string, string> variables, [CallerMemberName] string test = "") =>
        OtherProcess.Start<InstalledNvrtcTests>(
            argument, new(variables) { [KernelCache.FolderVariable] = Cache }, test);
}
