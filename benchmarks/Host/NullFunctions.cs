using System.Reflection;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>
/// The functions of <see cref="NullLibraries"/>. Those of this class hand something back or are counted by themselves; every other
/// symbol is one function that takes no notice of its arguments, which the calling conventions of all 64-bit platforms allow.
/// For one thread at a time.
/// </summary>
internal static unsafe partial class NullFunctions
{
    private const nint Context = 1;
    private const ulong DeviceBytes = 80UL << 30, Alignment = 512;

    private static readonly Dictionary<string, nint> Addresses = typeof(NullFunctions)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(method => method.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))
        .ToDictionary(method => method.Name, method => method.MethodHandle.GetFunctionPointer(), StringComparer.Ordinal);

    private static NullCalls calls;
    private static nint lastHandle = Context;
    private static ulong nextAddress = 1UL << 40;
    private static int depth; // of scopes in which the context is current

    /// <summary>The calls since it was last asked.</summary>
    public static NullCalls Take()
    {
        NullCalls taken = calls;
        calls = default;
        return taken;
    }

    public static nint AddressOf(string symbol) => Addresses.GetValueOrDefault(symbol, Addresses[nameof(Succeed)]);

    [UnmanagedCallersOnly]
    private static int Succeed() => Count(ref calls.Others);

    [UnmanagedCallersOnly]
    private static int cuDriverGetVersion(int* version) => Give(version, 12040);

    [UnmanagedCallersOnly]
    private static int cuDeviceGetCount(int* count) => Give(count, 1);

    [UnmanagedCallersOnly]
    private static int cuDeviceGet(int* device, int ordinal) => Give(device, ordinal);

    [UnmanagedCallersOnly]
    private static int cuDeviceGetName(byte* name, int length, int device) => Give(name, (byte)0);

    [UnmanagedCallersOnly]
    private static int cuDeviceTotalMem_v2(ulong* bytes, int device) => Give(bytes, DeviceBytes);

    [UnmanagedCallersOnly]
    private static int cuMemGetInfo_v2(ulong* free, ulong* total) => Give(free, DeviceBytes);

    [UnmanagedCallersOnly]
    private static int cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, int device) => Give(value, attribute switch
    {
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE => 32,
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => 108,
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE => 40 << 20,
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => 8,
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR => 164 << 10,
        CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => 163 << 10,
        _ => 0,
    });

    [UnmanagedCallersOnly]
    private static int cuDevicePrimaryCtxRetain(nint* context, int device) => Give(context, Context);

    [UnmanagedCallersOnly]
    private static int cuCtxGetCurrent(nint* context) => Give(context, depth > 0 ? Context : 0);

    [UnmanagedCallersOnly]
    private static int cuCtxPushCurrent_v2(nint context)
    {
        depth++;
        return Count(ref calls.Others);
    }

    [UnmanagedCallersOnly]
    private static int cuCtxPopCurrent_v2(nint* context)
    {
        depth--;
        return Give(context, Context);
    }

    [UnmanagedCallersOnly]
    private static int cuMemAlloc_v2(ulong* address, nuint bytes)
    {
        ulong given = nextAddress;
        nextAddress += (bytes + Alignment - 1) / Alignment * Alignment;
        return Give(address, given);
    }

    // Memory that is there, since the host writes and reads it.
    [UnmanagedCallersOnly]
    private static int cuMemHostAlloc(void** memory, nuint bytes, uint flags)
    {
        *memory = NativeMemory.AllocZeroed(bytes);
        return Count(ref calls.Others);
    }

    [UnmanagedCallersOnly]
    private static int cuMemFreeHost(void* memory)
    {
        NativeMemory.Free(memory);
        return Count(ref calls.Others);
    }

    [UnmanagedCallersOnly]
    private static int cuModuleLoadDataEx(nint* module, void* image, uint count, void* options, void** values) => GiveHandle(module);

    [UnmanagedCallersOnly]
    private static int cuModuleGetFunction(nint* function, nint module, byte* name) => GiveHandle(function);

    [UnmanagedCallersOnly]
    private static int cuFuncGetAttribute(int* value, CUfunction_attribute attribute, nint function) => Give(value, 0);

    [UnmanagedCallersOnly]
    private static int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, nint function, int threads, nuint shared) => Give(blocks, 1);

    [UnmanagedCallersOnly]
    private static int cuStreamCreate(nint* stream, uint flags) => GiveHandle(stream);

    [UnmanagedCallersOnly]
    private static int cuEventCreate(nint* point, uint flags) => GiveHandle(point);

    [UnmanagedCallersOnly]
    private static int cuStreamEndCapture(nint stream, nint* graph) => GiveHandle(graph);

    [UnmanagedCallersOnly]
    private static int cuGraphInstantiateWithFlags(nint* executable, nint graph, ulong flags) => GiveHandle(executable);

    [UnmanagedCallersOnly]
    private static int cuGraphLaunch(nint executable, nint stream) => Count(ref calls.Graphs);

    [UnmanagedCallersOnly]
    private static int cuEventSynchronize(nint point) => Count(ref calls.Waits);

    [UnmanagedCallersOnly]
    private static int cuStreamSynchronize(nint stream) => Count(ref calls.Waits);

    [UnmanagedCallersOnly]
    private static int cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint shared, nint stream,
        void** parameters, void** extra) => Count(ref calls.Launches);

    [UnmanagedCallersOnly]
    private static int cuMemcpyHtoDAsync_v2(ulong device, void* host, nuint bytes, nint stream) => Count(ref calls.Copies);

    [UnmanagedCallersOnly]
    private static int cuMemcpyDtoHAsync_v2(void* host, ulong device, nuint bytes, nint stream) => Count(ref calls.Copies);

    [UnmanagedCallersOnly]
    private static int cuMemcpyDtoDAsync_v2(ulong target, ulong source, nuint bytes, nint stream) => Count(ref calls.Copies);

    [UnmanagedCallersOnly]
    private static int cuMemsetD8Async(ulong device, byte value, nuint count, nint stream) => Count(ref calls.Fills);

    [UnmanagedCallersOnly]
    private static int cuMemsetD32Async(ulong device, uint value, nuint count, nint stream) => Count(ref calls.Fills);

    private static int Count(ref int of)
    {
        of++;
        return 0;
    }

    private static int Give<T>(T* target, T value)
        where T : unmanaged
    {
        *target = value;
        return Count(ref calls.Others);
    }

    private static int GiveHandle(nint* target) => Give(target, ++lastHandle);
}
