namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>Every checked-in PTX of the project is decoded.</summary>
public class ProjectKernelTests
{
    [Fact]
    public void Every_shipped_text_is_loaded()
    {
        string[] files = Directory.GetFiles(Path.Combine(Folder(), "ptx"), "*.ptx");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            using var device = new PtxRunner();
            Assert.NotEmpty(device.Load(File.ReadAllText(file)).Kernels);
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
