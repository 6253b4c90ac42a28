#pragma warning disable CS0649 // Fields are filled by FunctionTable.
namespace FeatureTransform.Cuda;

/// <summary>
/// CUDA's driver API, by exact exported names: what a header calls cuMemAlloc is exported as cuMemAlloc_v2, and the plain name,
/// where it still exists, takes other parameters. Handles (CUcontext, CUstream, CUevent, CUmodule, CUfunction, CUgraph and so on)
/// are
/// <see langword="nint"/>, CUdevice is <see langword="int"/>, CUdeviceptr is <see langword="ulong"/>, size_t is
/// <see langword="nuint"/>.
/// </summary>
internal sealed unsafe class DriverApi(ISymbolSource source) : FunctionTable(source, "the driver of CUDA 12.0 (525)")
{
    // Versions, errors
    public readonly delegate* unmanaged<uint, CUresult> cuInit;
    public readonly delegate* unmanaged<int*, CUresult> cuDriverGetVersion;
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorName;
    public readonly delegate* unmanaged<CUresult, byte**, CUresult> cuGetErrorString;
    [OptionalSymbol]
    public readonly delegate* unmanaged<byte*, void**, int, ulong, CUdriverProcAddressQueryResult*, CUresult> cuGetProcAddress_v2;

    // Devices
    public readonly delegate* unmanaged<int*, CUresult> cuDeviceGetCount;
    public readonly delegate* unmanaged<int*, int, CUresult> cuDeviceGet;
    public readonly delegate* unmanaged<byte*, int, int, CUresult> cuDeviceGetName;
    public readonly delegate* unmanaged<nuint*, int, CUresult> cuDeviceTotalMem_v2;
    public readonly delegate* unmanaged<int*, CUdevice_attribute, int, CUresult> cuDeviceGetAttribute;

    // Contexts
    public readonly delegate* unmanaged<nint*, int, CUresult> cuDevicePrimaryCtxRetain;
    public readonly delegate* unmanaged<int, CUresult> cuDevicePrimaryCtxRelease_v2;
    public readonly delegate* unmanaged<nint*, CUresult> cuCtxGetCurrent;
    public readonly delegate* unmanaged<nint, CUresult> cuCtxPushCurrent_v2;
    public readonly delegate* unmanaged<nint*, CUresult> cuCtxPopCurrent_v2;
    public readonly delegate* unmanaged<int*, CUresult> cuCtxGetDevice;
    public readonly delegate* unmanaged<CUresult> cuCtxSynchronize;

    // Memory
    public readonly delegate* unmanaged<nuint*, nuint*, CUresult> cuMemGetInfo_v2;
    public readonly delegate* unmanaged<ulong*, nuint, CUresult> cuMemAlloc_v2;
    public readonly delegate* unmanaged<ulong, CUresult> cuMemFree_v2;
    public readonly delegate* unmanaged<ulong*, nuint, nint, CUresult> cuMemAllocAsync;
    public readonly delegate* unmanaged<ulong, nint, CUresult> cuMemFreeAsync;
    public readonly delegate* unmanaged<void**, nuint, uint, CUresult> cuMemHostAlloc;
    public readonly delegate* unmanaged<void*, CUresult> cuMemFreeHost;
    [OptionalSymbol] public readonly delegate* unmanaged<ulong*, nuint, uint, CUresult> cuMemAllocManaged;
    [OptionalSymbol] public readonly delegate* unmanaged<void*, nuint, uint, CUresult> cuMemHostRegister_v2;
    [OptionalSymbol] public readonly delegate* unmanaged<void*, CUresult> cuMemHostUnregister;
    [OptionalSymbol] public readonly delegate* unmanaged<ulong, void*, nuint, CUresult> cuMemcpyHtoD_v2;
    [OptionalSymbol] public readonly delegate* unmanaged<void*, ulong, nuint, CUresult> cuMemcpyDtoH_v2;
    public readonly delegate* unmanaged<ulong, void*, nuint, nint, CUresult> cuMemcpyHtoDAsync_v2;
    public readonly delegate* unmanaged<void*, ulong, nuint, nint, CUresult> cuMemcpyDtoHAsync_v2;
    public readonly delegate* unmanaged<ulong, ulong, nuint, nint, CUresult> cuMemcpyDtoDAsync_v2;
    public readonly delegate* unmanaged<ulong, byte, nuint, nint, CUresult> cuMemsetD8Async;
    [OptionalSymbol] public readonly delegate* unmanaged<ulong, uint, nuint, nint, CUresult> cuMemsetD32Async;

    // Modules, kernels
    public readonly delegate* unmanaged<nint*, void*, uint, CUjit_option*, void**, CUresult> cuModuleLoadDataEx;
    public readonly delegate* unmanaged<nint, CUresult> cuModuleUnload;
    public readonly delegate* unmanaged<nint*, nint, byte*, CUresult> cuModuleGetFunction;
    [OptionalSymbol] public readonly delegate* unmanaged<ulong*, nuint*, nint, byte*, CUresult> cuModuleGetGlobal_v2;
    [OptionalSymbol]
    public readonly delegate* unmanaged<
        nint*, void*, CUjit_option*, void**, uint, CUlibraryOption*, void**, uint, CUresult> cuLibraryLoadData;
    [OptionalSymbol] public readonly delegate* unmanaged<nint, CUresult> cuLibraryUnload;
    [OptionalSymbol] public readonly delegate* unmanaged<nint*, nint, byte*, CUresult> cuLibraryGetKernel;
    [OptionalSymbol] public readonly delegate* unmanaged<nint*, nint, CUresult> cuKernelGetFunction;
    public readonly delegate* unmanaged<int*, CUfunction_attribute, nint, CUresult> cuFuncGetAttribute;
    public readonly delegate* unmanaged<nint, CUfunction_attribute, int, CUresult> cuFuncSetAttribute;
    [OptionalSymbol] public readonly delegate* unmanaged<nint, nuint, nuint*, nuint*, CUresult> cuFuncGetParamInfo;
    public readonly delegate* unmanaged<int*, nint, int, nuint, CUresult> cuOccupancyMaxActiveBlocksPerMultiprocessor;
    public readonly delegate* unmanaged<
        nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CUresult> cuLaunchKernel;
    [OptionalSymbol] public readonly delegate* unmanaged<CUlaunchConfig*, nint, void**, void**, CUresult> cuLaunchKernelEx;
    [OptionalSymbol]
    public readonly delegate* unmanaged<nint, delegate* unmanaged<void*, void>, void*, CUresult> cuLaunchHostFunc;

    // Streams
    public readonly delegate* unmanaged<nint*, uint, CUresult> cuStreamCreate;
    public readonly delegate* unmanaged<nint, CUresult> cuStreamDestroy_v2;
    public readonly delegate* unmanaged<nint, CUresult> cuStreamQuery;
    public readonly delegate* unmanaged<nint, CUresult> cuStreamSynchronize;
    public readonly delegate* unmanaged<nint, nint, uint, CUresult> cuStreamWaitEvent;
    public readonly delegate* unmanaged<nint, CUstreamCaptureMode, CUresult> cuStreamBeginCapture_v2;
    public readonly delegate* unmanaged<nint, nint*, CUresult> cuStreamEndCapture;
    public readonly delegate* unmanaged<nint, CUstreamCaptureStatus*, CUresult> cuStreamIsCapturing;

    // Events. A _v2 of cuEventElapsedTime with the same parameters came later; the driver of 12.4 has the plain name alone.
    public readonly delegate* unmanaged<nint*, uint, CUresult> cuEventCreate;
    public readonly delegate* unmanaged<nint, CUresult> cuEventDestroy_v2;
    public readonly delegate* unmanaged<nint, nint, CUresult> cuEventRecord;
    public readonly delegate* unmanaged<nint, CUresult> cuEventQuery;
    public readonly delegate* unmanaged<nint, CUresult> cuEventSynchronize;
    public readonly delegate* unmanaged<float*, nint, nint, CUresult> cuEventElapsedTime;

    // Graphs
    public readonly delegate* unmanaged<nint, CUresult> cuGraphDestroy;
    public readonly delegate* unmanaged<nint, nint*, nuint*, CUresult> cuGraphGetNodes;
    public readonly delegate* unmanaged<nint*, nint, ulong, CUresult> cuGraphInstantiateWithFlags;
    public readonly delegate* unmanaged<nint, CUresult> cuGraphExecDestroy;
    public readonly delegate* unmanaged<nint, nint, CUresult> cuGraphLaunch;
}
