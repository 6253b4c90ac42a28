using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Tests.Ptx;

/// <summary>The parser reads what three versions of NVRTC emit.</summary>
public class CorpusTests
{
    [Fact]
    public void Every_sample_is_parsed()
    {
        IReadOnlyList<string> files = Samples.Files;
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            PtxModule module;
            try
            {
                module = PtxParser.Parse(File.ReadAllText(file));
            }
            catch (PtxException e)
            {
                Assert.Fail($"{Path.GetFileName(file)}: {e.Message}");
                return;
            }
            int kernels = module.Functions.Values.Count(f => f is { IsEntry: true, HasBody: true });
            Assert.Equal(Path.GetFileName(file).StartsWith("misc", StringComparison.Ordinal) ? 14 : 5, kernels);
        }
    }
}
