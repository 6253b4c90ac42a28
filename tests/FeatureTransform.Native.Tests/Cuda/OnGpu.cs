using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>On the machine's own device. Without one the tests are skipped; FT_REQUIRE_GPU=1 makes that a failure.</summary>
public sealed class CudaContrastiveStepOnGpu : CudaContrastiveStepTests
{
    private protected override TestDevice Open()
    {
        if (!CudaDriver.TryLoad(out CudaDriver? driver, out string? reason))
        {
            Assert.False(Environment.GetEnvironmentVariable("FT_REQUIRE_GPU") == "1", $"FT_REQUIRE_GPU=1, but: {reason}");
            Assert.Skip(reason);
        }

        var context = new CudaContext(driver.Devices[0]);
        return new TestDevice(context, KernelLibrary.Open(context, KernelSet.LoadSources()), () => { });
    }
}
