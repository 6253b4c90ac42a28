using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>cp.async.bulk: one thread copies a range of 16-byte pieces, which happens at once.</summary>
internal static unsafe class BulkOperations
{
    /// <summary>The list holds the addresses of target, source and, towards shared memory, the mbarrier; B is the size.</summary>
    public static void Copy(Warp w, Op* op)
    {
        bool toShared = (op->Form & 1) != 0, fromGlobal = (op->Form & 2) != 0;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            uint size = ((uint*)(w.R + op->B))[lane];
            if (size % 16 != 0)
            {
                w.Block.Report(w, op, Checks.Memory, "bulk copy size", 1u << lane, 0, $"{size} bytes are no multiple of 16");
                continue;
            }
            if (size == 0
                || Find(w, op, lane, 0, toShared ? StateSpaceCode.Shared : StateSpaceCode.Global, size,
                    Access.Write) is not { } target
                || Find(w, op, lane, 1, toShared && fromGlobal ? StateSpaceCode.Global : StateSpaceCode.Shared, size,
                    Access.Read) is not { } source)
            {
                continue;
            }
            if (source.Region.FindUnwritten(source.Offset, size, out ulong first))
            {
                w.Block.Report(w, op, Checks.Initialization, "uninitialised read", 1u << lane, 0,
                    $"the bulk copy reads byte {first} of {source.Region.Name}, which was never written");
            }
            Buffer.MemoryCopy(source.Region.Data + source.Offset, target.Region.Data + target.Offset, size, size);
            target.Region.MarkWritten(target.Offset, size);
            if (toShared && Find(w, op, lane, 2, StateSpaceCode.Shared, 8, Access.Atomic) is { } barrier)
            {
                MbarrierOperations.CompleteBytes(barrier.Region, barrier.Offset, size);
            }
        }
    }

    private static (Region Region, ulong Offset)? Find(Warp w, Op* op, int lane, int index, StateSpaceCode space, uint size,
        Access access)
    {
        Op place = *op;
        place.Space = space;
        bool wide = (op->Target >> index & 1) != 0;
        w.ComputeAddresses(op, op->List[index], wide, 0);
        uint todo = 1u << lane;
        uint found = w.Locate(&place, ref todo, size == 8 ? 8 : 16, access, out Region region);
        if (found == 0)
        {
            return null;
        }
        ulong offset = w.Offsets[lane];
        if (offset + size > region.Size)
        {
            w.Block.Report(w, op, Checks.Memory, "out of bounds", 1u << lane, w.Addresses[lane],
                $"a bulk copy of {size} bytes at offset {offset} of {region.Name}, which has {region.Size}");
            w.Block.Launch.Fail(KernelFaultKind.IllegalAddress, "a bulk copy leaves its memory");
            return null;
        }
        return (region, offset);
    }
}
