using System.Text.Json;

namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>Every kernel of the project, in every variant of the shipped list, compiles and is decoded for each architecture.</summary>
public class ProjectKernelTests
{
    [Theory]
    [InlineData("compute_80")]
    [InlineData("compute_89")]
    [InlineData("compute_90")]
    public void Every_kernel_is_loaded(string architecture)
    {
        string folder = Folder();
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "ptx", "manifest.json")));
        var variants = manifest.RootElement.EnumerateArray().Select(e => (
            File: e.GetProperty("file").GetString()!,
            Defines: e.GetProperty("defines").EnumerateArray().Select(d => $"-D{d.GetString()}").ToArray())).ToList();
        Assert.NotEmpty(variants);
        foreach ((string file, string[] defines) in variants)
        {
            string source = File.ReadAllText(Path.Combine(folder, file));
            Load(Nvrtc.Compile(source, file, architecture, [$"-I{folder}", "--restrict", .. defines]),
                $"{file} {string.Join(' ', defines)} for {architecture}");
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
