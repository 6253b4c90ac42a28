using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Devices and contexts.</summary>
public sealed unsafe class DeviceTests : HostTest
{
    public static TheoryData<string, string, int, int, int> Profiles { get; } = new()
    {
        { "A100", "8.0", 108, 163 * 1024, 164 * 1024 },
        { "H100", "9.0", 132, 227 * 1024, 228 * 1024 },
        { "Rtx4090", "8.9", 128, 99 * 1024, 100 * 1024 },
    };

    [Theory]
    [MemberData(nameof(Profiles))]
    public void A_device_is_what_its_profile_says(string profile, string capability, int processors, int block, int shared)
    {
        var device = (DeviceProfile)typeof(DeviceProfile).GetProperty(profile)!.GetValue(null)!;
        using var emulator = new Emulator(new EmulatorOptions { Device = device }, Executor);
        CudaDevice found = Assert.Single(new CudaDriver(emulator).Devices);
        Assert.Equal(device.Name, found.Name);
        Assert.Equal(Version.Parse(capability), found.ComputeCapability);
        Assert.Equal(processors, found.MultiprocessorCount);
        Assert.Equal(block, found.SharedBytesPerBlock);
        Assert.Equal(shared, found.SharedBytesPerMultiprocessor);
        Assert.Equal((long)device.MemoryBytes, found.TotalMemory);
        Assert.Equal(device.L2Bytes, found.L2Bytes);
    }

    [Fact]
    public void Two_emulators_live_beside_each_other()
    {
        using var other = new Emulator(new EmulatorOptions { Device = DeviceProfile.H100, DeviceCount = 2 }, Executor);
        var second = new CudaDriver(other);
        Assert.Equal(2, second.Devices.Count);
        Assert.Single(Driver.Devices);
        using (var inOther = new CudaContext(second.Devices[1]))
        using (var memory = new DeviceMemory(inOther, 8))
        using (inOther.MakeCurrent())
        {
            Assert.Equal("Emulated A100", Context.Device.Name);
            Assert.Equal((long)DeviceProfile.H100.MemoryBytes - 8, inOther.GetFreeMemory());
            Assert.Equal((long)DeviceProfile.A100.MemoryBytes, Context.GetFreeMemory());
        }
        Assert.Empty(other.Findings);
        AssertNoFindings();
    }

    [Fact]
    public void Nothing_works_before_cuInit()
    {
        using var emulator = new Emulator(new EmulatorOptions(), Executor);
        var api = new DriverApi(emulator);
        int count;
        Assert.Equal(CUresult.CUDA_ERROR_NOT_INITIALIZED, api.cuDeviceGetCount(&count));
        Assert.Equal(CUresult.CUDA_SUCCESS, api.cuInit(0));
        Assert.Equal(CUresult.CUDA_SUCCESS, api.cuDeviceGetCount(&count));
        Assert.Equal(1, count);
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused()
    {
        int device;
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_DEVICE, Api.cuDeviceGet(&device, 1));
        TakeFinding(FindingKinds.InvalidArgument);
    }

    [Fact]
    public void The_primary_context_is_one_until_its_last_release()
    {
        nint first, second;
        int device = Driver.Devices[0].Handle;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuDevicePrimaryCtxRetain(&first, device));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuDevicePrimaryCtxRetain(&second, device));
        Assert.Equal(first, second);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuDevicePrimaryCtxRelease_v2(device));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuCtxPushCurrent_v2(first));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuCtxSynchronize());
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuDevicePrimaryCtxRelease_v2(device));
        AssertNoFindings();

        Assert.Equal(CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, Api.cuCtxSynchronize());
        TakeFinding(FindingKinds.UseAfterDestroy);
        Assert.Equal(CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, Api.cuCtxPushCurrent_v2(first));
        TakeFinding(FindingKinds.UseAfterDestroy);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_CONTEXT, Api.cuDevicePrimaryCtxRelease_v2(device));
        TakeFinding(FindingKinds.DoubleDestroy);
        nint popped;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuCtxPopCurrent_v2(&popped));
        Assert.Equal(first, popped);
    }

    [Fact]
    public void What_needs_a_context_is_refused_without_one()
    {
        ulong address;
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_CONTEXT, Api.cuMemAlloc_v2(&address, 4));
        TakeFinding(FindingKinds.WrongContext);
        nint popped;
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_CONTEXT, Api.cuCtxPopCurrent_v2(&popped));
        TakeFinding(FindingKinds.WrongContext);
    }

    [Fact]
    public void An_unknown_code_has_no_name()
    {
        byte* text;
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuGetErrorName((CUresult)12345, &text));
        Assert.True(text is null);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuGetErrorName(CUresult.CUDA_ERROR_ASSERT, &text));
        Assert.Equal("CUDA_ERROR_ASSERT", System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)text));
    }

    [Fact]
    public void After_its_disposal_an_emulator_is_shut_down()
    {
        CudaDevice device = Driver.Devices[0];
        Emulator.Dispose();
        nint context;
        Assert.Equal(CUresult.CUDA_ERROR_DEINITIALIZED, Api.cuDevicePrimaryCtxRetain(&context, device.Handle));
    }
}
