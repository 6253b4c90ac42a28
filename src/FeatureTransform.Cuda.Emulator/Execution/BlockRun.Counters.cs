using System.Numerics;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

internal sealed unsafe partial class BlockRun
{
    /// <summary>The counts of every operation of the module, where they are wanted; else null.</summary>
    public OperationCounts* Counts { get; private set; }

    /// <summary>Counts sectors and lines of a request to global memory, or passes through the banks of shared memory.</summary>
    private void CountAccess(Warp w, Op* op, Region region, uint lanes, int bytes, Access access)
    {
        ref OperationCounts count = ref Counts[w.Frame.Function.CountBase + op->Index];
        if (region.Address != 0)
        {
            int sectors = Distinct(w, lanes, bytes, 5);
            count.Sectors += sectors;
            count.WrittenSectors += access == Access.Read ? 0 : sectors;
            count.CacheLines += Distinct(w, lanes, bytes, 7);
        }
        else if (region != w.Local && region != Launch.Parameters)
        {
            // A pass serves 128 bytes: all lanes of words, half of them of double words, a quarter of 16 bytes.
            int step = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8, passes = 0, needed = 0;
            for (int first = 0; first < 32; first += step)
            {
                uint part = lanes & (step == 32 ? ~0u : ((1u << step) - 1) << first);
                if (part != 0)
                {
                    passes += Passes(w, part, bytes);
                    needed++;
                }
            }
            count.Wavefronts += passes;
            count.Conflicts += passes - needed;
        }
    }

    private static int Distinct(Warp w, uint lanes, int bytes, int shift)
    {
        Span<ulong> seen = stackalloc ulong[64];
        int count = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            ulong address = w.Addresses[BitOperations.TrailingZeroCount(m)];
            for (ulong unit = address >> shift; unit <= (address + (ulong)bytes - 1) >> shift; unit++)
            {
                if (!seen[..count].Contains(unit))
                {
                    seen[count++] = unit;
                }
            }
        }
        return count;
    }

    // The most different words that one bank must give.
    private static int Passes(Warp w, uint lanes, int bytes)
    {
        Span<ulong> words = stackalloc ulong[128];
        Span<byte> banks = stackalloc byte[32];
        banks.Clear();
        int count = 0, most = 1;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            ulong offset = w.Offsets[BitOperations.TrailingZeroCount(m)];
            for (ulong word = offset >> 2; word <= (offset + (ulong)bytes - 1) >> 2; word++)
            {
                if (!words[..count].Contains(word))
                {
                    words[count++] = word;
                    most = Math.Max(most, ++banks[(int)(word & 31)]);
                }
            }
        }
        return most;
    }
}
