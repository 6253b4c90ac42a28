using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Freeing, and what allocates in the order of streams.</summary>
internal static unsafe class MemoryCalls
{
    /// <summary>As the driver does, waits for the device before memory is freed; for pooled memory it does not.</summary>
    public static void Free(EmulatedContext context, ulong address, string call)
    {
        if (address == 0)
        {
            return;
        }
        CaptureRules.RequireSafe(context.Emulator);
        EmulatedContext owner = context.Emulator.Devices.Select(d => d.Primary)
            .FirstOrDefault(c => c?.Memory.Contains(address) == true) ?? context;
        if (owner != context)
        {
            context.Emulator.Report(FindingKinds.WrongContext, call, $"0x{address:x} belongs to {owner}, {context} is current");
        }
        Allocation allocation = owner.Memory.GetForFree(
            address, CUresult.CUDA_ERROR_INVALID_VALUE, [AllocationKind.Device, AllocationKind.Pooled, AllocationKind.Managed]);
        if (allocation.Kind != AllocationKind.Pooled)
        {
            owner.Synchronize();
        }
        owner.Memory.Release(allocation);
    }

    public static ulong AllocateInOrder(EmulatedStream stream, nuint bytes, string call)
    {
        RequireNoGraph(stream);
        Allocation allocation = stream.Context.Memory.Allocate(bytes, AllocationKind.Pooled, call);
        allocation.Region.IsReserved = true;
        stream.Add(new Operation(call, () => allocation.Region.IsReserved = false));
        return allocation.Region.Address;
    }

    public static void FreeInOrder(EmulatedStream stream, ulong address, string call)
    {
        if (address == 0)
        {
            return;
        }
        RequireNoGraph(stream);
        ContextMemory memory = stream.Context.Memory;
        Allocation allocation = memory.GetForFree(
            address, CUresult.CUDA_ERROR_INVALID_VALUE, [AllocationKind.Device, AllocationKind.Pooled]);
        allocation.IsFreeQueued = true;
        stream.Add(new Operation(call, () => memory.Release(allocation)));
    }

    public static void FreeHost(EmulatedContext context, void* host, string call)
    {
        CaptureRules.RequireSafe(context.Emulator);
        Allocation allocation = context.Memory.GetForFree(
            (ulong)host, CUresult.CUDA_ERROR_INVALID_VALUE, [AllocationKind.Pinned]);
        ReleaseHost(context, allocation, call);
    }

    public static void Unregister(EmulatedContext context, void* host, string call)
    {
        CaptureRules.RequireSafe(context.Emulator);
        Allocation allocation = context.Memory.GetForFree(
            (ulong)host, CUresult.CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, [AllocationKind.Registered]);
        ReleaseHost(context, allocation, call);
    }

    private static void ReleaseHost(EmulatedContext context, Allocation allocation, string call)
    {
        Region region = allocation.Region;
        Work[] users = [.. context.HostWork.Where(w => w.UsesHost((nint)region.Address, (nuint)region.Size))];
        foreach (Work work in users)
        {
            context.Emulator.Report(FindingKinds.HostMemoryFreed, call,
                $"{allocation} is still to be used by {work.Call}, which was not waited for");
            work.Complete();
        }
        context.Memory.Release(allocation);
    }

    private static void RequireNoGraph(EmulatedStream stream)
    {
        CaptureRules.RequireUsable(stream);
        if (stream.Capture is { } capture)
        {
            capture.Invalidate(CUresult.CUDA_ERROR_NOT_SUPPORTED, "");
            throw new CallRefused(
                CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall,
                "memory that a graph allocates or frees is not emulated");
        }
    }
}
