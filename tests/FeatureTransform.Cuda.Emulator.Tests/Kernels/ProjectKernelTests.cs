namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>
/// Every kernel of the project, in every variant of the shipped list, compiles and is decoded: as shipped for compute_80, and compiled anew
/// for compute_90. No source asks for its architecture, so that the others are only compiled with FT_FULL=1.
/// </summary>
public class ProjectKernelTests
{
    public static TheoryData<string> Architectures =>
        Environment.GetEnvironmentVariable("FT_FULL") == "1" ? ["compute_80", "compute_89", "compute_90"] : ["compute_90"];

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Every_kernel_is_loaded(string architecture)
    {
        string folder = Folder();
        KernelSources sources = KernelSources.FromFolder(folder);
        KernelVariant[] variants = [.. new CheckedInPtx(sources).Entries.Select(entry => entry.Variant)];
        Assert.NotEmpty(variants);
        foreach (KernelVariant variant in variants)
        {
            Load(CompiledSource.Compile(sources, variant, architecture), $"{variant} for {architecture}");
        }
    }

    [Fact]
    public void Every_shipped_text_is_loaded()
    {
        string[] files = Directory.GetFiles(Path.Combine(Folder(), "ptx"), "*.ptx");
        Assert.NotEmpty(files);
        Array.ForEach(files, f => Load(File.ReadAllText(f), Path.GetFileName(f)));
    }

    private static void Load(string ptx, string name)
    {
        using var device = new PtxRunner();
        try
        {
            Assert.NotEmpty(device.Load(ptx).Kernels);
        }
        catch (PtxException e)
        {
            Assert.Fail($"{name}: {e.Message}");
        }
    }

    private static string Folder()
    {
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            string folder = Path.Combine(d.FullName, "kernels");
            if (Directory.Exists(folder))
            {
                return folder;
            }
        }
        throw new DirectoryNotFoundException("kernels");
    }
}
