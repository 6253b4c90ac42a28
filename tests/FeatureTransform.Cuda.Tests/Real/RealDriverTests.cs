using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Cuda.Tests.Real;

/// <summary>The driver's own library, on a machine with or without a device.</summary>
public sealed unsafe class RealDriverTests
{
    [Fact]
    public void Initialisation_finds_no_device()
    {
        DriverApi api = RealLibraries.Driver();
        Assert.SkipWhen(RealLibraries.MayHaveDevice, "This is about machines without a device.");
        Assert.Equal(CUresult.CUDA_ERROR_NO_DEVICE, api.cuInit(0));
        int count;
        ulong address;
        Assert.Equal(CUresult.CUDA_ERROR_NOT_INITIALIZED, api.cuDeviceGetCount(&count));
        Assert.Equal(CUresult.CUDA_ERROR_NOT_INITIALIZED, api.cuMemAlloc_v2(&address, 16));

        CudaException exception = Assert.Throws<CudaException>(() => new CudaDriver(RealLibraries.DriverSource()));
        Assert.True(exception.IsUnavailable);
        Assert.Contains(
            "cuInit answered CUDA_ERROR_NO_DEVICE (100): no CUDA-capable device is detected. The driver is of CUDA ",
            exception.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Trying_to_load_gives_a_driver_or_the_reason()
    {
        if (CudaDriver.TryLoad(out CudaDriver? driver, out string? reason))
        {
            Assert.NotEmpty(driver.Devices);
            Assert.Null(reason);
        }
        else
        {
            Assert.Null(driver);
            Assert.Contains(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_version_is_known_without_initialisation()
    {
        int version;
        Assert.Equal(CUresult.CUDA_SUCCESS, RealLibraries.Driver().cuDriverGetVersion(&version));
        Assert.True(version >= 12000, $"{version}");
        if (RealLibraries.Tools is not null && !RealLibraries.MayHaveDevice)
        {
            Assert.Equal(12040, version);
        }
    }

    [Fact]
    public void Errors_have_names_and_texts()
    {
        DriverApi api = RealLibraries.Driver();
        byte* name;
        byte* text;
        Assert.Equal(CUresult.CUDA_SUCCESS, api.cuGetErrorName(CUresult.CUDA_ERROR_OUT_OF_MEMORY, &name));
        Assert.Equal(CUresult.CUDA_SUCCESS, api.cuGetErrorString(CUresult.CUDA_ERROR_OUT_OF_MEMORY, &text));
        Assert.Equal(("CUDA_ERROR_OUT_OF_MEMORY", "out of memory"), (Text(name), Text(text)));

        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, api.cuGetErrorName((CUresult)4711, &name));
        Assert.True(name == null);
    }

    /// <summary>The driver names every code as its header does.</summary>
    [Fact]
    public void Names_of_codes_are_the_drivers()
    {
        DriverApi api = RealLibraries.Driver();
        Assert.All(Enum.GetValues<CUresult>(), code =>
        {
            byte* name;
            if (api.cuGetErrorName(code, &name) == CUresult.CUDA_SUCCESS) // a driver knows no newer codes
            {
                Assert.Equal(code.ToString(), Text(name));
            }
        });
    }

    [Fact]
    public void The_driver_finds_its_functions_by_itself_too()
    {
        DriverApi api = RealLibraries.Driver();
        void* function;
        CUdriverProcAddressQueryResult status;
        fixed (byte* known = "cuMemAlloc\0"u8, unknown = "cuMemAllocate\0"u8)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, api.cuGetProcAddress_v2(known, &function, 12000, 0, &status));
            Assert.Equal(CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS, status);
            Assert.True(function != null);
            Assert.Equal(CUresult.CUDA_SUCCESS, api.cuGetProcAddress_v2(unknown, &function, 12000, 0, &status));
            Assert.Equal(CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND, status);
            Assert.True(function == null);
        }
    }

    /// <summary>Optional ones too: the driver of CUDA 12.0 has them all.</summary>
    [Fact]
    public void Every_function_of_the_table_is_exported()
    {
        ISymbolSource source = RealLibraries.DriverSource();
        Assert.All(typeof(DriverApi).GetFields(), field => Assert.NotEqual(0, source.Find(field.Name)));
    }

    private static string? Text(byte* text) => Marshal.PtrToStringUTF8((nint)text);
}
