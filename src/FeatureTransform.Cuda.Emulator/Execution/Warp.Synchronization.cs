using System.Numerics;
using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What a warp-wide operation takes from each lane.</summary>
internal enum Contribution : byte
{
    None,
    Word,
    DoubleWord,
    Predicate,
    NegatedPredicate,
}

internal sealed unsafe partial class Warp
{
    /// <summary>
    /// Handler of the operations with a membermask: lanes wait until all that are named and have not exited are there. Each
    /// distinct mask among the lanes is an operation of its own.
    /// </summary>
    public static void Synchronize(Warp w, Op* op)
    {
        uint todo = w.Mask, waiting = 0;
        Op* next = w.Next;
        while (todo != 0)
        {
            uint members = w.Members(op, BitOperations.TrailingZeroCount(todo));
            uint same = op->C < 0 ? todo : w.WithMembers(op, todo, members);
            todo &= ~same;
            if ((same & ~members) != 0)
            {
                w.Block.Report(w, op, Checks.Synchronization, "membermask without caller", same & ~members, 0,
                    $"the lanes 0x{same & ~members:x8} execute with the membermask 0x{members:x8}, which does not name them");
                members |= same;
            }
            if ((members & w.Live & ~same) == 0)
            {
                w.Contribute(op, same);
                w.Perform(op, same, same);
            }
            else
            {
                waiting |= same;
            }
        }
        w.Next = next;
        if (waiting != 0)
        {
            w.Mask = waiting;
            w.Detach(op).State = GroupState.WarpSync;
        }
    }

    /// <summary>
    /// Called when nothing can run: lanes of one membermask may wait in different instructions of the same kind, which is legal.
    /// </summary>
    private bool Unblock()
    {
        foreach (Group group in groups)
        {
            if (group.State != GroupState.WarpSync)
            {
                continue;
            }
            Op* op = At(group);
            uint members = Members(op, BitOperations.TrailingZeroCount(group.Mask));
            var partners = groups.FindAll(g => g.State == GroupState.WarpSync && SameKind(g, group)
                && Members(At(g), BitOperations.TrailingZeroCount(g.Mask)) == members);
            uint present = 0;
            partners.ForEach(g => present |= g.Mask);
            if ((members & Live & ~present) != 0)
            {
                continue;
            }
            foreach (Group partner in partners)
            {
                SwitchTo(partner);
                Contribute(At(partner), partner.Mask);
            }
            foreach (Group partner in partners)
            {
                SwitchTo(partner);
                Perform(At(partner), partner.Mask, present);
                partner.State = GroupState.Runnable;
                partner.Pc++;
            }
            return Select();
        }
        return false;
    }

    private static Op* At(Group group) => group.Frame.Function.Code + group.Pc;

    private static bool SameKind(Group a, Group b) => At(a)->Body == At(b)->Body && At(a)->Mode == At(b)->Mode;

    private void SwitchTo(Group group)
    {
        current = group;
        Frame = group.Frame;
        R = Frame.Registers;
        GroupMask = group.Mask;
    }

    private uint Members(Op* op, int lane)
    {
        byte* registers = R;
        return op->C < 0 ? (uint)op->Immediate : ((uint*)(registers + op->C))[lane];
    }

    private uint WithMembers(Op* op, uint lanes, uint members)
    {
        uint same = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            same |= ((uint*)(R + op->C))[lane] == members ? 1u << lane : 0;
        }
        return same;
    }

    private void Contribute(Op* op, uint lanes)
    {
        switch ((Contribution)op->Form)
        {
            case Contribution.Word:
                for (uint m = lanes; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    Exchange[lane] = ((uint*)(R + op->A))[lane];
                }
                break;
            case Contribution.DoubleWord:
                for (uint m = lanes; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    Exchange[lane] = ((ulong*)(R + op->A))[lane];
                }
                break;
            case Contribution.Predicate or Contribution.NegatedPredicate:
                uint bits = *(uint*)(R + op->A) ^ ((Contribution)op->Form == Contribution.Predicate ? 0 : ~0u);
                Exchange[0] = (Exchange[0] & ~(ulong)lanes) | (bits & lanes);
                break;
        }
    }

    private void Perform(Op* op, uint lanes, uint peers)
    {
        Mask = lanes;
        Peers = peers;
        if (op->Body != null)
        {
            ((delegate*<Warp, Op*, void>)op->Body)(this, op);
        }
        else
        {
            Block.OnWarpSync(this, peers);
        }
    }

    /// <summary>Handler of operations that the whole warp executes together: ldmatrix, mma.</summary>
    public static void Converge(Warp w, Op* op)
    {
        if ((w.Live & ~w.Mask) != 0)
        {
            w.Detach(op).State = GroupState.WarpSync;
            return;
        }
        w.Peers = w.Mask;
        ((delegate*<Warp, Op*, void>)op->Body)(w, op);
    }
}
