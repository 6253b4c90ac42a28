using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// 32 lanes. While they are together there is one group; where they diverge, groups of the same place are kept, and the group
/// that is furthest behind runs, so that the others are met where the paths join.
/// </summary>
internal sealed unsafe partial class Warp : IDisposable
{
    /// <summary>Backward jumps of one group, while another waits, before the other gets a turn.</summary>
    private const int Fairness = 1000;

    /// <summary>Backward jumps and calls of one turn of the warp.</summary>
    public const int TurnLength = 4096;

    private readonly List<Group> groups = [];
    private readonly Stack<Frame> spareFrames = new();
    private readonly byte* scratch;
    private Group current = null!;
    private int consecutiveJumps;

    public Warp(BlockRun block, int index, uint lanes)
    {
        Block = block;
        Index = index;
        scratch = (byte*)NativeMemory.AlignedAlloc(ScratchBytes, 64);
        Addresses = (ulong*)scratch;
        Offsets = (ulong*)(scratch + 256);
        Exchange = (ulong*)(scratch + 512);
        Data = scratch + 768;
        Start(lanes);
    }

    private const int ScratchBytes = 768 + 2048;

    /// <summary>The register file of the frame that runs.</summary>
    public byte* R;

    /// <summary>The lanes that execute the operation.</summary>
    public uint Mask;

    /// <summary>The lanes of the group that runs.</summary>
    public uint GroupMask;

    /// <summary>Where a control operation sends the group; null leaves the choice to the warp.</summary>
    public Op* Next;

    /// <summary>Lanes that take part in a warp-wide operation.</summary>
    public uint Peers;

    /// <summary>Lanes that have not exited.</summary>
    public uint Live;

    /// <summary>The carry flag of each lane.</summary>
    public uint Carry;

    /// <summary>Backward jumps left in this turn.</summary>
    public int Turn;

    /// <summary>Whether anything was executed in the last turn.</summary>
    public bool Ran;

    public Frame Frame = null!;

    public BlockRun Block { get; }

    public AsyncCopyQueue Copies { get; } = new();

    public int Index { get; }

    public ulong* Addresses { get; }

    public ulong* Offsets { get; }

    public ulong* Exchange { get; }

    /// <summary>2 KiB for whatever an operation needs.</summary>
    public byte* Data { get; }

    public IReadOnlyList<Group> Groups => groups;

    public bool HasOtherGroups => groups.Count > 1;

    public bool IsDone => groups.Count == 0;

    public Group Current => current;

    /// <summary>Begins anew with all the given lanes at the start of the kernel.</summary>
    public void Start(uint lanes)
    {
        Live = lanes;
        Carry = 0;
        Copies.Reset();
        groups.Clear();
        Frame frame = NewFrame(Block.Launch.Kernel);
        frame.Lanes = lanes;
        groups.Add(new Group(frame, 0, lanes));
    }

    /// <summary>Runs until every group waits or has exited, or the turn is over.</summary>
    public void Run()
    {
        Turn = TurnLength;
        Ran = false;
        while (Turn > 0 && Select())
        {
            Ran = true;
            Execute(current);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Execute(Group group)
    {
        Frame frame = Frame = group.Frame;
        R = frame.Registers;
        uint lanes = GroupMask = group.Mask;
        Op* code = frame.Function.Code;
        Op* op = code + group.Pc;
        Op* stop = Frontier(group);
        OperationCounts* counts = Block.Counts == null ? null : Block.Counts + frame.Function.CountBase;
        while (true)
        {
            if (op->Kind == OpKind.Plain)
            {
                Mask = lanes;
                if (counts != null)
                {
                    Count(counts, op, lanes);
                }
                op->Run(this, op);
                op++;
            }
            else if (op->Kind == OpKind.Guarded)
            {
                uint mask = lanes & (*(uint*)(R + op->Guard) ^ op->GuardFlip);
                if (counts != null)
                {
                    Count(counts, op, mask);
                }
                if (mask != 0)
                {
                    Mask = mask;
                    op->Run(this, op);
                }
                op++;
            }
            else
            {
                Mask = op->Guard < 0 ? lanes : lanes & (*(uint*)(R + op->Guard) ^ op->GuardFlip);
                Next = op + 1;
                group.Pc = op->Index;
                if (counts != null)
                {
                    Count(counts, op, Mask);
                }
                if (Mask != 0)
                {
                    op->Run(this, op);
                }
                op = Next;
                if (op == null)
                {
                    return;
                }
            }
            if (op == stop)
            {
                group.Pc = (int)(op - code);
                return;
            }
        }
    }

    private static void Count(OperationCounts* counts, Op* op, uint lanes)
    {
        counts[op->Index].Executions++;
        counts[op->Index].Lanes += BitOperations.PopCount(lanes);
    }

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
                bool waits = a.State is GroupState.Barrier or GroupState.Cluster || b.State is GroupState.Barrier or GroupState.Cluster;
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

    /// <summary>Sends lanes of the current group to another place of the same frame, the rest going on behind the operation.</summary>
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

    /// <summary>Splits the executing lanes off into a group of their own at the operation, the others going on behind it.</summary>
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

    /// <summary>Ends the executing lanes.</summary>
    public void Exit(Op* op)
    {
        uint lanes = Mask;
        Block.FinishAsyncCopies(this, lanes);
        Live &= ~lanes;
        Remove(op, lanes);
        Block.OnExit(this, lanes);
    }

    private void Remove(Op* op, uint lanes)
    {
        Release(current.Frame, lanes);
        current.Mask &= ~lanes;
        current.Pc = op->Index + 1;
        Next = null;
        if (current.Mask == 0)
        {
            groups.Remove(current);
        }
    }

    /// <summary>Ends everything, after a fault.</summary>
    public void Kill()
    {
        foreach (Group group in groups)
        {
            Release(group.Frame, group.Mask);
        }
        groups.Clear();
        Live = 0;
    }

    /// <summary>Another group of the running frame.</summary>
    public Group AddGroup(int pc, uint mask)
    {
        var group = new Group(Frame, pc, mask);
        groups.Add(group);
        return group;
    }

    /// <summary>Calls a function for the executing lanes; the others go on behind the call.</summary>
    public void Enter(Op* op, DecodedFunction function, Action<Frame> pass)
    {
        uint lanes = Mask;
        EnterGroup(Detach(op), op, function, lanes, pass);
    }

    public void EnterGroup(Group group, Op* op, DecodedFunction function, uint lanes, Action<Frame> pass)
    {
        if (Frame.Depth > 10_000)
        {
            throw new KernelFault(KernelFaultKind.StackOverflow, "calls are nested more than 10000 deep");
        }
        Frame callee = NewFrame(function);
        callee.Caller = Frame;
        callee.Depth = Frame.Depth + 1;
        callee.ReturnPc = op->Index + 1;
        callee.Lanes = lanes;
        callee.LocalBase = (Frame.LocalBase + Frame.Function.LocalBytes + 15) & ~15;
        Block.NeedLocal(callee.LocalBase + function.LocalBytes);
        pass(callee);
        group.Frame = callee;
        group.Pc = 0;
        Turn--;
    }

    /// <summary>Takes the executing lanes back to the caller.</summary>
    public void Return(Op* op)
    {
        Frame callee = Frame, caller = callee.Caller!;
        uint lanes = Mask;
        Group group = Detach(op);
        group.Frame = caller;
        group.Pc = callee.ReturnPc;
        caller.Lanes |= lanes;
        ReleaseOne(callee, lanes);
    }

    private Frame NewFrame(DecodedFunction function)
    {
        if (spareFrames.TryPop(out Frame? frame) && frame.Function == function)
        {
            frame.Caller = null;
            frame.Depth = 0;
            frame.LocalBase = 0;
            return frame;
        }
        frame?.Dispose();
        return new Frame(function);
    }

    private void Release(Frame? frame, uint lanes)
    {
        while (frame is not null)
        {
            Frame? caller = frame.Caller;
            ReleaseOne(frame, lanes);
            frame = caller;
        }
    }

    private void ReleaseOne(Frame frame, uint lanes)
    {
        frame.Lanes &= ~lanes;
        if (frame.Lanes == 0)
        {
            spareFrames.Push(frame);
        }
    }

    public void Dispose()
    {
        Kill();
        while (spareFrames.TryPop(out Frame? frame))
        {
            frame.Dispose();
        }
        NativeMemory.AlignedFree(scratch);
    }
}
