using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Addresses of other blocks' shared memory. They carry the rank of the block above 24 bits of offset.</summary>
internal static unsafe class ClusterOperations
{
    /// <summary>mapa: the address a has in the block of rank b; without .shared::cluster addresses are generic.</summary>
    public static void MapAddress(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong rank = ((uint*)(w.R + op->B))[lane];
            if ((op->Wide & Wide.D) != 0)
            {
                ulong address = ((ulong*)(w.R + op->A))[lane];
                ((ulong*)(w.R + op->D))[lane] = Place(address, rank);
            }
            else
            {
                ((uint*)(w.R + op->D))[lane] = (uint)Place(((uint*)(w.R + op->A))[lane], rank);
            }
        }
    }

    private static ulong Place(ulong address, ulong rank) =>
        (address & ~0xFFFFFFFFul) | ((rank + 1) & 0xFF) << Window.RankShift | (address & ((1ul << Window.RankShift) - 1));

    public static void RankOf(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong address = (op->Wide & Wide.A) != 0 ? ((ulong*)(w.R + op->A))[lane] : ((uint*)(w.R + op->A))[lane];
            uint field = (uint)(address >> Window.RankShift) & 0xFF;
            ((uint*)(w.R + op->D))[lane] = field == 0 ? w.Block.ClusterRank : field - 1;
        }
    }
}
