using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// ldmatrix and stmatrix: 8 x 8 matrices of 16 bits, a row of 16 bytes from the address of each of eight lanes.
/// </summary>
internal static unsafe class MatrixMemory
{
    public static void Load(Warp w, Op* op)
    {
        if (!Locate(w, op, Access.Read, out Region region))
        {
            return;
        }
        // Results first go to the side: a destination may be a register of the addresses.
        uint* results = (uint*)w.Data;
        for (int m = 0; m < op->Count; m++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                results[32 * m + lane] = op->Form == 0
                    ? *(uint*)(region.Data + w.Offsets[8 * m + (lane >> 2)] + 4 * (lane & 3))
                    : Element(region, w.Offsets[8 * m + 2 * (lane & 3)], lane >> 2)
                        | Element(region, w.Offsets[8 * m + 2 * (lane & 3) + 1], lane >> 2) << 16;
            }
        }
        for (int m = 0; m < op->Count; m++)
        {
            Buffer.MemoryCopy(results + 32 * m, w.R + op->List[m], 128, 128);
        }
    }

    public static void Store(Warp w, Op* op)
    {
        if (!Locate(w, op, Access.Write, out Region region))
        {
            return;
        }
        for (int m = 0; m < op->Count; m++)
        {
            var source = (uint*)(w.R + op->List[m]);
            for (int lane = 0; lane < 32; lane++)
            {
                if (op->Form == 0)
                {
                    *(uint*)(region.Data + w.Offsets[8 * m + (lane >> 2)] + 4 * (lane & 3)) = source[lane];
                }
                else
                {
                    *(ushort*)(region.Data + w.Offsets[8 * m + 2 * (lane & 3)] + 2 * (lane >> 2)) = (ushort)source[lane];
                    *(ushort*)(region.Data + w.Offsets[8 * m + 2 * (lane & 3) + 1] + 2 * (lane >> 2)) =
                        (ushort)(source[lane] >> 16);
                }
            }
        }
    }

    private static uint Element(Region region, ulong row, int column) => *(ushort*)(region.Data + row + 2 * (ulong)column);

    private static bool Locate(Warp w, Op* op, Access access, out Region region)
    {
        region = null!;
        if (w.Mask != ~0u)
        {
            w.Block.Report(w, op, Checks.Synchronization, "warp not whole", w.Mask, 0,
                $"only the lanes 0x{w.Mask:x8} execute it");
            return false;
        }
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint lanes = op->Count == 4 ? ~0u : (1u << (8 * op->Count)) - 1, todo = lanes, found = 0;
        var offsets = (ulong*)w.Data;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, 16, access, out Region each);
            if (part == 0)
            {
                break;
            }
            region = each;
            w.Block.OnAccess(w, op, each, part, 16, access);
            found |= part;
            for (uint m = part; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                offsets[lane] = w.Offsets[lane];
            }
        }
        Buffer.MemoryCopy(offsets, w.Offsets, 256, 256);
        return found == lanes;
    }
}
