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

    /// <summary>The phase of the cluster's barrier in which the warp arrived last.</summary>
    public int ClusterPhase;

    /// <summary>Backward jumps left in this turn.</summary>
    public int Turn;

    /// <summary>Instructions executed so far.</summary>
    public long Executed;

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
        int first = group.Pc; // since the last control operation
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
                Executed += op->Index + 1 - first;
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
                first = (int)(op - code);
            }
            if (op == stop)
            {
                group.Pc = (int)(op - code);
                Executed += group.Pc - first;
                return;
            }
        }
    }

    private static void Count(OperationCounts* counts, Op* op, uint lanes)
    {
        counts[op->Index].Executions++;
        counts[op->Index].Lanes += BitOperations.PopCount(lanes);
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
