namespace FeatureTransform.Cuda.Emulator.Memory;

/// <summary>
/// Global memory: allocations far apart in a virtual address range, so that a wrong address meets none of them. Freed ranges are
/// remembered and never given out again.
/// </summary>
internal sealed unsafe class EmulatedMemory(ulong first = EmulatedMemory.FirstAddress) : IDisposable
{
    /// <summary>No host address lies above.</summary>
    private const ulong FirstAddress = 1ul << 48;

    private const ulong GuardBand = 4ul << 20;

    /// <summary>Freed ranges that are remembered; older ones are forgotten, but their addresses still never come back.</summary>
    private const int MostFreed = 4096;

    private readonly Lock gate = new();
    private ulong next = first;
    private int freed;
    private Region[] regions = []; // by address; replaced as a whole, so that readers need no lock

    /// <summary>Held by atomics, so that blocks on several cores see each other's whole.</summary>
    public Lock Atomics { get; } = new();

    public ulong AllocatedBytes { get; private set; }

    public IReadOnlyList<Region> Live => [.. regions.Where(r => !r.IsFreed)];

    /// <summary>Makes an allocation of uninitialised bytes.</summary>
    public Region Allocate(ulong size, string name)
    {
        lock (gate)
        {
            var region = new Region(name, next, size);
            next += (size + 2 * Math.Max(GuardBand, size)) & ~(GuardBand - 1);
            regions = [.. regions, region];
            AllocatedBytes += size;
            return region;
        }
    }

    /// <summary>Makes host memory addressable at its own address, as pinned memory is.</summary>
    public Region Register(byte* host, ulong size, string name)
    {
        lock (gate)
        {
            var region = new Region(name, (ulong)host, size, host);
            // Host addresses come back, unlike those of the device.
            IEnumerable<Region> others = regions.Where(r => !r.IsFreed || r.Address >= region.Address + size || r.Address + r.Size <= region.Address);
            regions = [.. others.Append(region).OrderBy(r => r.Address)];
            return region;
        }
    }

    public void Free(Region region)
    {
        lock (gate)
        {
            AllocatedBytes -= region.IsHost ? 0 : region.Size;
            region.Free();
            if (++freed > 2 * MostFreed)
            {
                int forget = regions.Count(r => r.IsFreed) - MostFreed;
                regions = [.. regions.Where(r => !r.IsFreed || --forget < 0)];
                freed = MostFreed;
            }
        }
    }

    /// <summary>The allocation, live or freed, that holds the address, or the nearest below it; null if there is none.</summary>
    public Region? FindNear(ulong address)
    {
        Region[] all = regions;
        int low = 0, high = all.Length;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (all[middle].Address <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low > 0 ? all[low - 1] : null;
    }

    /// <summary>The live allocation that holds the address, or null.</summary>
    public Region? Find(ulong address)
    {
        Region? region = FindNear(address);
        return region is { IsFreed: false, IsReserved: false } && address - region.Address < Math.Max(region.Size, 1) ? region : null;
    }

    /// <summary>Where an address lies, in words, for a report.</summary>
    public string Describe(ulong address, int bytes)
    {
        Region? near = FindNear(address);
        if (near is null)
        {
            return "below every allocation";
        }
        string name = $"{near.Name} ({near.Size} bytes at 0x{near.Address:x})";
        ulong offset = address - near.Address;
        return near.IsReserved && offset < near.Size ? $"{offset} bytes into {name}, which does not exist yet at this place of the stream"
            : near.IsFreed && offset < near.Size ? $"{offset} bytes into {name}, which was freed"
            : offset < near.Size ? $"{offset} bytes into {name}, {offset + (ulong)bytes - near.Size} bytes past its end"
            : $"{offset - near.Size} bytes after the end of {name}";
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (Region region in regions)
            {
                region.Dispose();
            }
            regions = [];
        }
    }
}
