namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>Groups of lanes: who runs next, where they part and where they meet.</summary>
internal sealed unsafe partial class Warp
{
    /// <summary>The nearest place ahead where another group of the frame waits to be met.</summary>
    private Op* Frontier(Group group)
    {
        int nearest = int.MaxValue;
        foreach (Group other in groups)
        {
            if (other != group && other.Frame == group.Frame && other.Pc > group.Pc && other.Pc < nearest)
            {
                nearest = other.Pc;
            }
        }
        return nearest == int.MaxValue ? null : group.Frame.Function.Code + nearest;
    }

    /// <summary>Joins groups that are at the same place, and makes the one furthest behind the current one.</summary>
    private bool Select()
    {
        if (groups.Count == 1)
        {
            current = groups[0];
            current.IsDeferred = false;
            return current.State == GroupState.Runnable || Unblock();
        }
        Join();
        Group? best = null;
        foreach (Group group in groups)
        {
            if (group.State == GroupState.Runnable && !group.IsDeferred && (best is null || Precedes(group, best)))
            {
                best = group;
            }
        }
        if (best is null && groups.Exists(g => g is { IsDeferred: true, State: GroupState.Runnable }))
        {
            groups.ForEach(g => g.IsDeferred = false);
            return Select();
        }
        if (best is null)
        {
            return groups.Count > 0 && Unblock();
        }
        if (best != current)
        {
            consecutiveJumps = 0;
        }
        current = best;
        return true;
    }

    private void Join()
    {
        for (int i = 0; i < groups.Count; i++)
        {
            for (int j = groups.Count - 1; j > i; j--)
            {
                Group a = groups[i], b = groups[j];
                bool waits = a.State is GroupState.Barrier or GroupState.Cluster
                    || b.State is GroupState.Barrier or GroupState.Cluster;
                if (a.Frame == b.Frame && a.Pc == b.Pc && !waits)
                {
                    a.Mask |= b.Mask;
                    a.State = GroupState.Runnable;
                    groups.RemoveAt(j);
                }
            }
        }
    }

    // Smaller place first in the outermost frame where they differ. A group inside a call is at the place of the call.
    private static bool Precedes(Group a, Group b)
    {
        if (a.Frame == b.Frame)
        {
            return a.Pc < b.Pc;
        }
        Frame fa = a.Frame, fb = b.Frame;
        int pa = a.Pc, pb = b.Pc;
        while (fa.Depth > fb.Depth)
        {
            (pa, fa) = (fa.ReturnPc, fa.Caller!);
        }
        while (fb.Depth > fa.Depth)
        {
            (pb, fb) = (fb.ReturnPc, fb.Caller!);
        }
        while (fa != fb)
        {
            (pa, fa) = (fa.ReturnPc, fa.Caller!);
            (pb, fb) = (fb.ReturnPc, fb.Caller!);
        }
        return pa < pb;
    }

    /// <summary>
    /// Sends lanes of the current group to another place of the same frame, the rest going on behind the operation.
    /// </summary>
    public void Branch(Op* op, uint taken, int target)
    {
        uint rest = GroupMask & ~taken;
        bool backward = target <= op->Index;
        if (rest == 0)
        {
            if (backward && --Turn <= 0 || HasOtherGroups)
            {
                current.Pc = target;
                Next = null;
                if (backward && HasOtherGroups && ++consecutiveJumps > Fairness)
                {
                    current.IsDeferred = true;
                    consecutiveJumps = 0;
                }
                return;
            }
            Next = Frame.Function.Code + target;
            return;
        }
        if (Block.Counts != null)
        {
            Block.Counts[Frame.Function.CountBase + op->Index].DivergentBranches++;
        }
        groups.Add(new Group(Frame, target, taken));
        Turn -= backward ? 1 : 0;
        current.Mask = rest;
        current.Pc = op->Index + 1;
        Next = null;
    }

    /// <summary>
    /// Splits the executing lanes off into a group of their own at the operation, the others going on behind it.
    /// </summary>
    public Group Detach(Op* op)
    {
        uint rest = GroupMask & ~Mask;
        Next = null;
        if (rest == 0)
        {
            return current;
        }
        current.Mask = rest;
        current.Pc = op->Index + 1;
        var group = new Group(Frame, op->Index, Mask);
        groups.Add(group);
        return group;
    }
}
