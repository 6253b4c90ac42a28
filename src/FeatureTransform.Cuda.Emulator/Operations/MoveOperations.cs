using System.Numerics;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Moves that are more than a copy.</summary>
internal static unsafe class MoveOperations
{
    public static void Nothing(Warp w, Op* op)
    {
    }

    /// <summary>The address of a variable in local memory, relative to the frame.</summary>
    public static void LocalAddress(Warp w, Op* op) => Broadcast(w, op, (ulong)(w.Frame.LocalBase + op->Immediate));

    /// <summary>The address of the shared memory whose size the launch decides.</summary>
    public static void DynamicSharedAddress(Warp w, Op* op) =>
        Broadcast(w, op, w.Block.Launch.DynamicSharedOffset + (ulong)op->Immediate);

    public static void Broadcast(Warp w, Op* op, ulong value)
    {
        if ((op->Wide & Wide.D) != 0)
        {
            for (int i = 0; i < 32; i += 8)
            {
                Lanes.Store(w, (ulong*)(w.R + op->D), i, Vector512.Create(value));
            }
        }
        else
        {
            Lanes.Store(w, (uint*)(w.R + op->D), Vector512.Create((uint)value), Vector512.Create((uint)value));
        }
    }

    /// <summary>Size is the width of a part in bits.</summary>
    public static void Split(Warp w, Op* op)
    {
        int bits = op->Size;
        ulong part = (1ul << bits) - 1;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong value = (op->Wide & Wide.A) != 0 ? ((ulong*)(w.R + op->A))[lane] : ((uint*)(w.R + op->A))[lane];
            for (int k = 0; k < op->ListLength; k++)
            {
                ((uint*)(w.R + op->List[k]))[lane] = (uint)(value >> (k * bits) & part);
            }
        }
    }

    public static void Join(Warp w, Op* op)
    {
        int bits = op->Size;
        ulong part = (1ul << bits) - 1;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong value = 0;
            for (int k = 0; k < op->ListLength; k++)
            {
                value |= (((uint*)(w.R + op->List[k]))[lane] & part) << (k * bits);
            }
            if ((op->Wide & Wide.D) != 0)
            {
                ((ulong*)(w.R + op->D))[lane] = value;
            }
            else
            {
                ((uint*)(w.R + op->D))[lane] = (uint)value;
            }
        }
    }

    /// <summary>isspacep: Immediate is the window, Form 1 asks for constant memory, 2 for the cluster's.</summary>
    public static void IsSpace(Warp w, Op* op)
    {
        uint bits = 0;
        for (int i = 0; i < 32; i++)
        {
            ulong address = ((ulong*)(w.R + op->A))[i], window = address >> Window.Shift << Window.Shift;
            bool constant = window == 0 && w.Block.Launch.Memory.Find(address) is { IsReadOnly: true };
            uint field = (uint)((address - window) >> Window.RankShift);
            bool own = window != Window.Shared || op->Form == 2 || field == 0 || field - 1 == w.Block.ClusterRank;
            bool holds = op->Form == 1 ? constant : op->Immediate == 0 ? window == 0 && !constant : window == (ulong)op->Immediate
                && own;
            bits |= holds ? 1u << i : 0;
        }
        PredicateOperations.Put(w, op->D, bits);
    }
}
