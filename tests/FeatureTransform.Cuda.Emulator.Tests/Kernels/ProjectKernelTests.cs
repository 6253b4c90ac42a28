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
            string ptx = Nvrtc.Compile(File.ReadAllText(file), Path.GetFileName(file), architecture, $"-I{folder}", "--restrict");
            using var device = new PtxRunner();
            try
            {
                Assert.NotEmpty(device.Load(ptx).Kernels);
            }
            catch (PtxException e)
            {
                Assert.Fail($"{Path.GetFileName(file)} for {architecture}: {e.Message}");
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
