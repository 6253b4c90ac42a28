using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>A device of a driver, and what it has.</summary>
public sealed unsafe class CudaDevice
{
    internal CudaDevice(CudaDriver driver, int ordinal)
    {
        Driver = driver;
        Ordinal = ordinal;
        DriverApi api = driver.Api;
        int handle;
        driver.ThrowIfFailed(api.cuDeviceGet(&handle, ordinal));
        Handle = handle;
        byte* name = stackalloc byte[256];
        driver.ThrowIfFailed(api.cuDeviceGetName(name, 256, handle));
        Name = Marshal.PtrToStringUTF8((nint)name)!;
        nuint memory;
        driver.ThrowIfFailed(api.cuDeviceTotalMem_v2(&memory, handle));
        TotalMemory = (long)memory;
        ComputeCapability = new Version(
            Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
            Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
        MultiprocessorCount = Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
        SharedBytesPerBlock = Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        SharedBytesPerMultiprocessor = Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
        L2Bytes = Attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
    }

    /// <summary>The driver that offers it.</summary>
    public CudaDriver Driver { get; }

    /// <summary>Its number among the driver's devices.</summary>
    public int Ordinal { get; }

    /// <summary>Its name, such as NVIDIA A100-SXM4-80GB.</summary>
    public string Name { get; }

    /// <summary>Compute capability, such as 8.0.</summary>
    public Version ComputeCapability { get; }

    /// <summary>What compilers call the architecture, such as sm_80.</summary>
    public string Architecture => $"sm_{ComputeCapability.Major}{ComputeCapability.Minor}";

    /// <summary>Bytes of device memory.</summary>
    public long TotalMemory { get; }

    /// <summary>Number of streaming multiprocessors.</summary>
    public int MultiprocessorCount { get; }

    /// <summary>The most bytes of shared memory that one block may ask for (<see cref="CudaKernel.SetDynamicShared"/>).</summary>
    public int SharedBytesPerBlock { get; }

    /// <summary>Bytes of shared memory of one multiprocessor, for all its blocks.</summary>
    public int SharedBytesPerMultiprocessor { get; }

    /// <summary>Bytes of the second-level cache.</summary>
    public int L2Bytes { get; }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Ordinal}: {Name}, {Architecture}, {MultiprocessorCount} SMs, {TotalMemory / (1L << 30)} GiB";

    internal int Handle { get; }

    internal int Attribute(CUdevice_attribute attribute)
    {
        int value;
        Driver.ThrowIfFailed(Driver.Api.cuDeviceGetAttribute(&value, attribute, Handle));
        return value;
    }
}
