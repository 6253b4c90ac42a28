using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Host;

// Memory: allocation, copies, fills.
internal static unsafe partial class DriverFunctions
{
    [UnmanagedCallersOnly]
    private static CUresult cuMemGetInfo_v2(nuint* free, nuint* total) => InContext(context =>
    {
        RequirePointer(free);
        RequirePointer(total);
        *free = (nuint)context.Memory.Free;
        *total = (nuint)context.Memory.Total;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemAlloc_v2(ulong* address, nuint bytes) => InContext(context =>
    {
        RequirePointer(address);
        CaptureRules.RequireSafe(context.Emulator);
        *address = context.Memory.Allocate(bytes, AllocationKind.Device, nameof(cuMemAlloc_v2)).Region.Address;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemFree_v2(ulong address) =>
        InContext(context => MemoryCalls.Free(context, address, nameof(cuMemFree_v2)), destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuMemAllocAsync(ulong* address, nuint bytes, nint stream) => InContext(context =>
    {
        RequirePointer(address);
        *address = MemoryCalls.AllocateInOrder(context.Stream(stream), bytes, nameof(cuMemAllocAsync));
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemFreeAsync(ulong address, nint stream) => InContext(
        context => MemoryCalls.FreeInOrder(context.Stream(stream), address, nameof(cuMemFreeAsync)), destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuMemHostAlloc(void** host, nuint bytes, uint flags) => InContext(context =>
    {
        RequirePointer(host);
        CaptureRules.RequireSafe(context.Emulator);
        *host = (void*)context.Memory.AllocateHost(bytes, AllocationKind.Pinned, nameof(cuMemHostAlloc)).Region.Address;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemFreeHost(void* host) =>
        InContext(context => MemoryCalls.FreeHost(context, host, nameof(cuMemFreeHost)), destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuMemAllocManaged(ulong* address, nuint bytes, uint flags) => InContext(context =>
    {
        RequirePointer(address);
        CaptureRules.RequireSafe(context.Emulator);
        *address = context.Memory.AllocateHost(bytes, AllocationKind.Managed, nameof(cuMemAllocManaged)).Region.Address;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemHostRegister_v2(void* host, nuint bytes, uint flags) => InContext(context =>
    {
        CaptureRules.RequireSafe(context.Emulator);
        context.Memory.Register(host, bytes, nameof(cuMemHostRegister_v2));
    });

    [UnmanagedCallersOnly]
    private static CUresult cuMemHostUnregister(void* host) =>
        InContext(context => MemoryCalls.Unregister(context, host, nameof(cuMemHostUnregister)), destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyHtoD_v2(ulong device, void* host, nuint bytes) => InContext(context =>
        Transfers.ToDevice(context.Legacy, device, host, bytes, blocks: true, nameof(cuMemcpyHtoD_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoH_v2(void* host, ulong device, nuint bytes) => InContext(context =>
        Transfers.ToHost(context.Legacy, host, device, bytes, blocks: true, nameof(cuMemcpyDtoH_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyHtoDAsync_v2(ulong device, void* host, nuint bytes, nint stream) => InContext(context =>
        Transfers.ToDevice(context.Stream(stream), device, host, bytes, blocks: false, nameof(cuMemcpyHtoDAsync_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoHAsync_v2(void* host, ulong device, nuint bytes, nint stream) => InContext(context =>
        Transfers.ToHost(context.Stream(stream), host, device, bytes, blocks: false, nameof(cuMemcpyDtoHAsync_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoDAsync_v2(ulong target, ulong source, nuint bytes, nint stream) => InContext(context =>
        Transfers.OnDevice(context.Stream(stream), target, source, bytes, nameof(cuMemcpyDtoDAsync_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemsetD8Async(ulong device, byte value, nuint count, nint stream) => InContext(context =>
        Transfers.Fill(context.Stream(stream), device, value, count, nameof(cuMemsetD8Async)));

    [UnmanagedCallersOnly]
    private static CUresult cuMemsetD32Async(ulong device, uint value, nuint count, nint stream) => InContext(context =>
        Transfers.Fill(context.Stream(stream), device, value, count, nameof(cuMemsetD32Async)));
}
