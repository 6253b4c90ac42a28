namespace FeatureTransform.Cuda.Emulator.Tests.Ptx;

/// <summary>Every kernel of the samples is decoded.</summary>
public class LoadTests
{
    [Fact]
    public void Every_sample_is_loaded()
    {
        foreach (string file in Samples.Files)
        {
            using var device = new PtxRunner();
            try
            {
                Assert.NotEmpty(device.Load(File.ReadAllText(file)).Kernels);
            }
            catch (PtxException e)
            {
                Assert.Fail($"{Path.GetFileName(file)}: {e.Message}");
            }
        }
    }
}
