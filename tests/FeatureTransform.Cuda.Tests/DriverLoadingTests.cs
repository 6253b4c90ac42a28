using FeatureTransform.Cuda.Tests.Fake;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>What a driver may lack, and what its failures say.</summary>
public sealed unsafe class DriverLoadingTests
{
    [Fact]
    public void A_driver_offers_its_devices()
    {
        var driver = new CudaDriver(new FakeDriver { Version = 12080 });
        Assert.Equal(("fake driver", 12080, "12.8", 2), (driver.Name, driver.Version, driver.VersionText, driver.Devices.Count));
        CudaDevice device = driver.Devices[1];
        Assert.Same(driver, device.Driver);
        Assert.Equal((1, "Fake device", 80L << 30), (device.Ordinal, device.Name, device.TotalMemory));
        Assert.Equal((new Version(8, 6), "sm_86"), (device.ComputeCapability, device.Architecture));

        // The fake answers 1000 and the attribute's number.
        Assert.Equal(
            (1016, 1097, 1081, 1038),
            (device.MultiprocessorCount, device.SharedBytesPerBlock, device.SharedBytesPerMultiprocessor, device.L2Bytes));
        Assert.Equal("1: Fake device, sm_86, 1016 SMs, 80 GiB", device.ToString());
    }

    [Fact]
    public void A_missing_function_is_named_with_the_version_that_has_it()
    {
        CudaException exception = Fails(new FakeDriver { Hidden = { "cuGraphLaunch" } });
        Assert.True(exception.IsUnavailable);
        Assert.Equal(
            "fake driver: cuGraphLaunch: the library does not export it; it needs to be the driver of CUDA 12.0 (525) or newer.",
            exception.Message);
    }

    [Fact]
    public void An_optional_function_may_be_missing_until_it_is_needed()
    {
        DriverApi api = new CudaDriver(new FakeDriver()).Api;
        Assert.True(api.cuLaunchKernelEx == null);
        Assert.Contains(
            "cuLaunchKernelEx",
            Assert.Throws<CudaException>(() => api.Require(api.cuLaunchKernelEx, nameof(api.cuLaunchKernelEx))).Message,
            StringComparison.Ordinal);
        api.Require(api.cuLaunchKernel, nameof(api.cuLaunchKernel));
    }

    [Fact]
    public void An_old_driver_says_its_version_and_the_one_needed()
    {
        CudaException exception = Fails(new FakeDriver { Version = 11040 });
        Assert.True(exception.IsUnavailable);
        Assert.Contains(
            "the driver is of CUDA 11.4; it needs to be of 12.0 (525) or newer", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CUresult.CUDA_ERROR_NO_DEVICE, true)]
    [InlineData(CUresult.CUDA_ERROR_STUB_LIBRARY, true)]
    [InlineData(CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, false)]
    [InlineData(CUresult.CUDA_ERROR_UNKNOWN, false)]
    public void Initialisation_tells_absence_from_failure(object code, bool unavailable)
    {
        CudaException exception = Fails(new FakeDriver { Failing = { ["cuInit"] = (CUresult)code } });
        Assert.Equal(unavailable, exception.IsUnavailable);
        Assert.Equal((int)(CUresult)code, exception.Code);
        Assert.Equal("cuInit", exception.Call);
        Assert.EndsWith("The driver is of CUDA 12.4.", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_device_says_so()
    {
        CudaException exception = Fails(new FakeDriver { DeviceCount = 0 });
        Assert.True(exception.IsUnavailable);
        Assert.Contains("there is no device", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_says_library_call_code_name_and_text()
    {
        var fake = new FakeDriver();
        using var context = new CudaContext(new CudaDriver(fake).Devices[0]);
        fake.Failing["cuCtxSynchronize"] = CUresult.CUDA_ERROR_NOT_PERMITTED;
        CudaException exception = Assert.Throws<CudaException>(context.Synchronize);
        Assert.Equal(
            ("fake driver", "cuCtxSynchronize", 800, "CUDA_ERROR_OF_FAKE", "text of the fake"),
            (exception.Library, exception.Call, exception.Code, exception.CodeName, exception.Text));
        Assert.Equal("fake driver: cuCtxSynchronize answered CUDA_ERROR_OF_FAKE (800): text of the fake.", exception.Message);
        Assert.False(exception.IsSticky || exception.IsUnavailable);
    }

    [Fact]
    public void A_code_that_the_driver_does_not_know_is_told_by_number()
    {
        CudaException exception = new CudaDriver(new FakeDriver()).Failure((CUresult)4711, "api.cuInit(0)");
        Assert.Equal("fake driver: cuInit answered CUresult 4711 (4711): the driver does not know this code.", exception.Message);
    }

    [Theory]
    [InlineData(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS)]
    [InlineData(CUresult.CUDA_ERROR_LAUNCH_FAILED)]
    [InlineData(CUresult.CUDA_ERROR_ECC_UNCORRECTABLE)]
    public void A_lost_context_needs_a_new_process(object code)
    {
        var fake = new FakeDriver();
        using var context = new CudaContext(new CudaDriver(fake).Devices[0]);
        fake.Failing["cuCtxSynchronize"] = (CUresult)code;
        CudaException exception = Assert.Throws<CudaException>(context.Synchronize);
        Assert.True(exception.IsSticky);
        Assert.False(exception.IsUnavailable);
        Assert.EndsWith(
            "CUDA can do nothing more in this process; start a new one.", exception.Message, StringComparison.Ordinal);
    }

    private static CudaException Fails(FakeDriver fake) => Assert.Throws<CudaException>(() => new CudaDriver(fake));
}
