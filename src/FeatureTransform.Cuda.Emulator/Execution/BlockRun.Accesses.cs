using System.Numerics;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Operations;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What is looked at on each access once its place is known to be legal.</summary>
internal sealed unsafe partial class BlockRun
{
    private readonly bool checksRaces;
    private readonly bool checksWritten;
    private ulong ticks;

    /// <summary>Whether copies at once must still be known as outstanding until their wait.</summary>
    public bool TracksAsync => checksRaces;

    /// <summary>A clock that only goes forward.</summary>
    public ulong Tick() => ticks += 32;

    /// <summary>Called for every located access of ordinary and atomic operations.</summary>
    public void OnAccess(Warp w, Op* op, Region region, uint lanes, int bytes, Access access, MemoryForm form = MemoryForm.None)
    {
        if (Counts != null)
        {
            CountAccess(w, op, region, lanes, bytes, access);
        }
        if (access != Access.Write && checksWritten && !region.IsAllWritten)
        {
            CheckWritten(w, op, region, lanes, bytes);
        }
        if (access != Access.Read && !region.IsAllWritten)
        {
            for (uint m = lanes; m != 0; m &= m - 1)
            {
                region.MarkAccess(w.Offsets[BitOperations.TrailingZeroCount(m)], bytes);
            }
        }
        if (checksRaces)
        {
            CheckRace(w, op, region, lanes, bytes, access, form);
        }
    }

    private void CheckWritten(Warp w, Op* op, Region region, uint lanes, int bytes)
    {
        uint bad = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            bad |= region.IsWritten(w.Offsets[lane], bytes) ? 0 : 1u << lane;
        }
        if (bad != 0)
        {
            ulong offset = w.Offsets[BitOperations.TrailingZeroCount(bad)];
            Report(w, op, Checks.Initialization, "uninitialised read", bad, w.Addresses[BitOperations.TrailingZeroCount(bad)],
                $"reads {bytes} bytes at offset {offset} of {region.Name}, not all of which were ever written");
        }
    }
}
