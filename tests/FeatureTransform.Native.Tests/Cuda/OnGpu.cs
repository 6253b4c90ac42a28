using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>The machine's own device. Without one the tests are skipped; FT_REQUIRE_GPU=1 makes that a failure.</summary>
public sealed class OnGpu : ITestDevice
{
    public static KernelDevice Open(int order = 0)
    {
        if (!CudaDriver.TryLoad(out CudaDriver? driver, out string? reason))
        {
            Assert.False(Environment.GetEnvironmentVariable("FT_REQUIRE_GPU") == "1", $"FT_REQUIRE_GPU=1, but: {reason}");
            Assert.Skip(reason);
        }

        var context = new CudaContext(driver.Devices[0]);
        return new KernelDevice(context, KernelLibrary.Open(context, KernelSet.LoadSources()));
    }
}
