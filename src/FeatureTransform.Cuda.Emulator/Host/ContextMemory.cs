using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

internal enum AllocationKind
{
    /// <summary>Memory of the device.</summary>
    Device,

    /// <summary>Memory of the device that is allocated and freed in the order of streams.</summary>
    Pooled,

    /// <summary>Page-locked host memory that the driver allocated.</summary>
    Pinned,

    /// <summary>Page-locked host memory of the host's own.</summary>
    Registered,

    /// <summary>Memory that host and device both address.</summary>
    Managed,
}

/// <summary>Memory that a call made, until it is freed.</summary>
internal sealed class Allocation(AllocationKind kind, Region region, string call)
{
    public AllocationKind Kind { get; } = kind;

    public Region Region { get; } = region;

    public string Call { get; } = call;

    /// <summary>Whether freeing it was asked for.</summary>
    public bool IsFreeQueued { get; set; }

    public bool Overlaps(ulong address, nuint bytes) =>
        Region.Address < address + bytes && address < Region.Address + Region.Size;

    public override string ToString() => $"{Region.Size} bytes at 0x{Region.Address:x} of {Call}";
}

/// <summary>The allocations of one context.</summary>
internal sealed unsafe class ContextMemory(EmulatedContext context) : IDisposable
{
    private const int Page = 4096;
    private const ulong HostEnd = 1ul << 48; // no host address lies above
    private const int ContextBits = 44;
    private const int MostContexts = 4000; // below the windows of the generic address space; then addresses come back
    private readonly SortedDictionary<ulong, Allocation> allocations = [];

    public EmulatedMemory Memory { get; } =
        new(HostEnd + ((ulong)(context.Emulator.ContextCount++ % MostContexts) << ContextBits));

    public ulong Total => context.Device.Profile.MemoryBytes;

    public ulong Free => Total - Math.Min(Total, Memory.AllocatedBytes);

    public IEnumerable<string> Describe() =>
        allocations.Values.Where(a => !a.IsFreeQueued).Select(a => a.ToString());

    /// <summary>Makes device memory.</summary>
    public Allocation Allocate(nuint bytes, AllocationKind kind, string call)
    {
        RequireSize(bytes);
        ulong available = Math.Min(
            Free, (ulong)Math.Max(0, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes - (long)Memory.AllocatedBytes));
        if (bytes > available)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_OUT_OF_MEMORY);
        }
        return Add(new Allocation(kind, Memory.Allocate(bytes, call), call));
    }

    /// <summary>Makes host memory that the device addresses too; its content is a poison.</summary>
    public Allocation AllocateHost(nuint bytes, AllocationKind kind, string call)
    {
        RequireSize(bytes);
        byte* host = (byte*)NativeMemory.AlignedAlloc(bytes, Page);
        NativeMemory.Fill(host, bytes, 0xFF);
        return Add(new Allocation(kind, Memory.Register(host, bytes, call), call));
    }

    public void Register(void* host, nuint bytes, string call)
    {
        RequireSize(bytes);
        ulong address = (ulong)host;
        if (host is null)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress, "the host address is null");
        }
        if (allocations.Values.FirstOrDefault(a => a.Overlaps(address, bytes)) is { } other)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, FindingKinds.InvalidAddress,
                $"{bytes} bytes at 0x{address:x} overlap {other}");
        }
        Add(new Allocation(AllocationKind.Registered, Memory.Register((byte*)host, bytes, call), call));
    }

    /// <summary>The allocation that begins at an address, to be freed.</summary>
    /// <exception cref="CallRefused">There is none of these kinds.</exception>
    public Allocation GetForFree(ulong address, CUresult code, ReadOnlySpan<AllocationKind> kinds)
    {
        if (allocations.TryGetValue(address, out Allocation? found))
        {
            if (found.IsFreeQueued)
            {
                throw new CallRefused(code, FindingKinds.DoubleFree, $"{found} is freed already");
            }
            return kinds.Contains(found.Kind) ? found
                : throw new CallRefused(code, FindingKinds.InvalidAddress,
                    $"{found} is {found.Kind} memory, which is freed otherwise");
        }
        throw Memory.FindNear(address) is { IsFreed: true } freed && freed.Address == address
            ? new CallRefused(code, FindingKinds.DoubleFree, $"0x{address:x} of {freed.Name} is freed already")
            : new CallRefused(code, FindingKinds.InvalidAddress,
                $"0x{address:x} is no allocation: {Memory.Describe(address, 1)}");
    }

    public bool Contains(ulong address) => allocations.ContainsKey(address);

    /// <summary>Frees now.</summary>
    public void Release(Allocation allocation)
    {
        allocation.IsFreeQueued = true;
        allocations.Remove(allocation.Region.Address);
        Memory.Free(allocation.Region);
        if (allocation.Kind is AllocationKind.Pinned or AllocationKind.Managed)
        {
            NativeMemory.AlignedFree((void*)allocation.Region.Address);
        }
    }

    /// <summary>The host memory that the driver knows round an address; null where it is pageable.</summary>
    /// <exception cref="CallRefused">It is no host memory, or the range leaves it.</exception>
    public Allocation? FindHost(void* host, nuint bytes)
    {
        ulong address = (ulong)host;
        if (address == 0)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress, "the host address is null");
        }
        if (Memory.Find(address) is not { } region)
        {
            return null;
        }
        Allocation? found = allocations.GetValueOrDefault(region.Address);
        if (found is null or { Kind: AllocationKind.Device or AllocationKind.Pooled })
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress,
                $"0x{address:x} of the device is given as host memory");
        }
        return address - region.Address + bytes <= region.Size ? found
            : throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress,
                $"{bytes} bytes at host address 0x{address:x}: {Memory.Describe(address, (int)Math.Min(bytes, int.MaxValue))}");
    }

    /// <summary>Where a range of device addresses lies, as a call gives it.</summary>
    /// <exception cref="CallRefused">It is not within one allocation, be it one that a stream is still to make.</exception>
    public void RequireRange(ulong address, nuint bytes)
    {
        if (Memory.FindNear(address) is not { IsReserved: true } region || address - region.Address + bytes > region.Size)
        {
            if (Explain(address, bytes) is { } defect)
            {
                throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, defect.Kind, defect.Message);
            }
        }
    }

    /// <summary>Where a range of device addresses lies when work uses it.</summary>
    /// <exception cref="DeviceFault">It is not within one allocation that exists at this place of the stream.</exception>
    public Region Locate(ulong address, nuint bytes, string call)
    {
        if (Explain(address, bytes) is { } defect)
        {
            context.Emulator.Report(defect.Kind, call, defect.Message);
            throw new DeviceFault(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, defect.Message);
        }
        return Memory.Find(address)!;
    }

    public void Dispose()
    {
        foreach (Allocation allocation in allocations.Values.ToArray())
        {
            Release(allocation);
        }
        Memory.Dispose();
    }

    private (string Kind, string Message)? Explain(ulong address, nuint bytes)
    {
        if (Memory.Find(address) is { } region && address - region.Address + bytes <= region.Size)
        {
            return null;
        }
        bool freed = Memory.FindNear(address) is { IsFreed: true } near && address - near.Address < near.Size;
        EmulatedContext? owner = context.Emulator.Devices.Select(d => d.Primary)
            .FirstOrDefault(c => c is not null && c != context && c.Memory.Memory.Find(address) is not null);
        return owner is not null
            ? (FindingKinds.WrongContext, $"0x{address:x} belongs to {owner}; copies between contexts are not emulated")
            : (freed ? FindingKinds.UseAfterFree : FindingKinds.InvalidAddress,
                $"{bytes} bytes at 0x{address:x}: {Memory.Describe(address, (int)Math.Min(bytes, int.MaxValue))}");
    }

    private static void RequireSize(nuint bytes)
    {
        if (bytes == 0)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, "0 bytes are asked for");
        }
    }

    private Allocation Add(Allocation allocation)
    {
        allocations.Add(allocation.Region.Address, allocation);
        return allocation;
    }
}
