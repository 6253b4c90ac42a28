using System.Text.RegularExpressions;

namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>Every kernel source of the project compiles and is decoded, for each architecture.</summary>
public class ProjectKernelTests
{
    [Theory]
    [InlineData("compute_80")]
    [InlineData("compute_89")]
    [InlineData("compute_90")]
    public void Every_kernel_is_loaded(string architecture)
    {
        string folder = Folder();
        string[] files = Directory.GetFiles(folder, "*.cu");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            Load(Compile(file, folder, architecture), $"{Path.GetFileName(file)} for {architecture}");
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

    // A kernel that is made for several sizes names them by macros; here each gets a number that any of them could have.
    private static string Compile(string file, string folder, string architecture)
    {
        var defines = new List<string> { $"-I{folder}", "--restrict" };
        while (true)
        {
            try
            {
                return Nvrtc.Compile(File.ReadAllText(file), Path.GetFileName(file), architecture, [.. defines]);
            }
            catch (InvalidOperationException e) when (Regex.Match(e.Message, "identifier \"(FT_[A-Z0-9_]+)\" is undefined") is { Success: true } missing && defines.Count < 16)
            {
                string macro = missing.Groups[1].Value;
                defines.Add($"-D{macro}={(macro.EndsWith("BF16", StringComparison.Ordinal) ? 1 : 128)}");
            }
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
