using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// mbarrier objects. Their 64 bits, opaque to programs, are here: pending arrivals (20), expected arrivals (20), pending bytes of
/// transactions (23, offset by half), parity of the running phase (1).
/// </summary>
internal static unsafe class MbarrierOperations
{
    private const int ExpectedShift = 20, BytesShift = 40, PhaseShift = 63;
    private const ulong CountMask = (1 << 20) - 1, BytesMask = (1 << 23) - 1, NoBytes = 1 << 22;

    public static void Act(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint todo = w.Mask;
        var action = (MbarrierAction)op->Mode;
        if (action == MbarrierAction.AsyncArrive)
        {
            w.Block.FinishAsyncCopies(w, w.Mask);
        }
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, 8, Access.Atomic, out Region region);
            for (uint m = part; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                ulong* at = (ulong*)(region.Data + w.Offsets[lane]);
                uint number = op->B < 0 ? 1 : ((uint*)(w.R + op->B))[lane];
                if (action != MbarrierAction.Init && !region.IsWritten(w.Offsets[lane], 8))
                {
                    w.Block.Report(w, op, Checks.Synchronization, "mbarrier not initialised", 1u << lane, w.Addresses[lane],
                        "there was no mbarrier.init at this address");
                }
                ulong before = *at;
                *at = Apply(w, op, lane, action, before, number);
                region.MarkAccess(w.Offsets[lane], 8);
                w.Block.OnMbarrier(w, region, w.Offsets[lane], 1u << lane, arrives: action >= MbarrierAction.Arrive,
                    waits: false);
                if (op->Signed)
                {
                    ((ulong*)(w.R + op->D))[lane] = before;
                }
            }
        }
    }

    private static ulong Apply(Warp w, Op* op, int lane, MbarrierAction action, ulong word, uint number)
    {
        ulong pending = word & CountMask, expected = word >> ExpectedShift & CountMask, bytes = word >> BytesShift & BytesMask,
            phase = word >> PhaseShift;
        switch (action)
        {
            case MbarrierAction.Init:
                if (number is 0 or > (uint)CountMask)
                {
                    w.Block.Report(w, op, Checks.Synchronization, "mbarrier count", 1u << lane, w.Addresses[lane],
                        $"a count of {number} is not allowed");
                }
                return number | (ulong)number << ExpectedShift | NoBytes << BytesShift;
            case MbarrierAction.Invalidate:
                return 0;
            case MbarrierAction.ExpectTransaction:
                return Complete(pending, expected, bytes + number, phase);
            case MbarrierAction.CompleteTransaction:
                return Complete(pending, expected, bytes - number, phase);
            case MbarrierAction.AsyncArrive when op->Form == 0:
                return word; // it counts itself in and out
        }
        bool expects = action is MbarrierAction.ArriveExpect or MbarrierAction.DropExpect;
        ulong arrivals = expects ? 1 : number;
        if (arrivals > pending)
        {
            w.Block.Report(w, op, Checks.Synchronization, "mbarrier overflow", 1u << lane, w.Addresses[lane],
                $"{arrivals} arrive, but only {pending} of {expected} are missing in this phase");
            arrivals = pending;
        }
        expected -= action is MbarrierAction.Drop or MbarrierAction.DropExpect ? arrivals : 0;
        return Complete(pending - arrivals, expected, bytes + (expects ? number : 0), phase);
    }

    private static ulong Complete(ulong pending, ulong expected, ulong bytes, ulong phase)
    {
        if (pending == 0 && (bytes & BytesMask) == NoBytes)
        {
            (pending, phase) = (expected, phase ^ 1);
        }
        return pending | expected << ExpectedShift | (bytes & BytesMask) << BytesShift | phase << PhaseShift;
    }

    /// <summary>test_wait and try_wait: whether the phase of a state, or of a parity, is over.</summary>
    public static void Test(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint todo = w.Mask, over = 0;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, 8, Access.Read, out Region region);
            for (uint m = part; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                ulong phase = *(ulong*)(region.Data + w.Offsets[lane]) >> PhaseShift;
                ulong asked = op->Form == 1 ? ((uint*)(w.R + op->B))[lane] & 1 : ((ulong*)(w.R + op->B))[lane] >> PhaseShift;
                if (phase != asked)
                {
                    over |= 1u << lane;
                    w.Block.OnMbarrier(w, region, w.Offsets[lane], 1u << lane, arrives: false, waits: true);
                }
            }
        }
        PredicateOperations.Put(w, op->D, over);
        if (over != w.Mask)
        {
            w.Turn = Math.Min(w.Turn, 1); // the others must run for this to change
        }
    }

    public static ulong PendingCount(ulong state, ulong b, ulong c, Op* op) => state & CountMask;

    /// <summary>Bytes of a copy have arrived.</summary>
    public static void CompleteBytes(Region region, ulong offset, uint count)
    {
        ulong* at = (ulong*)(region.Data + offset);
        *at = Complete(*at & CountMask, *at >> ExpectedShift & CountMask, (*at >> BytesShift & BytesMask) - count,
            *at >> PhaseShift);
    }
}
