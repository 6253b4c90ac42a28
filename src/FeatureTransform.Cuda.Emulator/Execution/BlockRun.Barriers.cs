using System.Globalization;
using System.Numerics;
using System.Text;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What bar.red computes, or that it computes nothing.</summary>
internal enum BarrierForm : byte
{
    Sync,
    Arrive,
    Popc,
    And,
    Or,
}

internal sealed unsafe partial class BlockRun
{
    private readonly Barrier[] barriers = new Barrier[16];

    /// <summary>
    /// Handler of bar and barrier: Mode is the form, Form is 1 for the aligned ones, Signed a negated predicate.
    /// </summary>
    public static void Arrive(Warp w, Op* op)
    {
        BlockRun block = w.Block;
        uint lanes = w.Mask;
        var form = (BarrierForm)op->Mode;
        int first = BitOperations.TrailingZeroCount(lanes);
        uint id = op->A < 0 ? (uint)op->Immediate : ((uint*)(w.R + op->A))[first];
        uint count = op->B < 0 ? 0 : ((uint*)(w.R + op->B))[first];
        if (id >= 16)
        {
            throw new KernelFault(KernelFaultKind.IllegalInstruction, $"barrier {id} does not exist; a block has 16");
        }
        ref Barrier barrier = ref block.barriers[id];
        if (count % 32 != 0 || count > (uint)block.warps.Length * 32)
        {
            block.Report(w, op, Checks.Synchronization, "barrier count", lanes, 0,
                $"barrier {id} expects {count} threads; a block of {block.Launch.ThreadCount} needs a multiple of 32 up to "
                + $"its size");
        }
        if (barrier.Arrived > 0 && barrier.Expected != (int)count)
        {
            block.Report(w, op, Checks.Synchronization, "barrier counts differ", lanes, 0,
                $"barrier {id} expects {count} threads here and {barrier.Expected} where others wait for it");
        }
        barrier.Expected = (int)count;
        barrier.Arrived += BitOperations.PopCount(lanes);
        if (form >= BarrierForm.Popc)
        {
            uint predicate = *(uint*)(w.R + op->C) ^ (op->Signed ? ~0u : 0);
            barrier.True += BitOperations.PopCount(predicate & lanes);
        }
        if (form != BarrierForm.Arrive)
        {
            Group group = w.Detach(op);
            group.State = GroupState.Barrier;
            group.Barrier = (int)id;
        }
        block.NoteArrival(w, lanes, (int)id);
        block.TryComplete((int)id);
    }

    private void TryComplete(int id)
    {
        ref Barrier barrier = ref barriers[id];
        int expected = barrier.Expected > 0 ? barrier.Expected : LiveThreads;
        if (barrier.Arrived < expected)
        {
            return;
        }
        int agreed = barrier.True, arrived = barrier.Arrived;
        if (arrived > expected && barrier.Expected > 0)
        {
            Warp any = warps.First(w => w.Groups.Any(g => g.State == GroupState.Barrier && g.Barrier == id));
            Group group = any.Groups.First(g => g.State == GroupState.Barrier && g.Barrier == id);
            Report(any, group.Frame.Function.Code + group.Pc, Checks.Synchronization, "barrier count", group.Mask, 0,
                $"{arrived} threads arrived at barrier {id}, which expects {expected}");
        }
        barrier = new Barrier { Phase = barrier.Phase + 1 };
        OnBarrier(id);
        foreach (Warp warp in warps)
        {
            Complete(warp, id, agreed, arrived);
        }
    }

    private void Complete(Warp warp, int id, int agreed, int arrived)
    {
        Group? first = null, last = null;
        foreach (Group group in warp.Groups)
        {
            if (group.State == GroupState.Barrier && group.Barrier == id)
            {
                first = first is null || group.Pc < first.Pc ? group : first;
                last = last is null || group.Pc > last.Pc ? group : last;
            }
        }
        if (first is null || last is null)
        {
            return;
        }
        Op* earliest = first.Frame.Function.Code + first.Pc;
        if (earliest->Form == 1 && (first.Pc != last.Pc || first.Frame != last.Frame))
        {
            ReportAt(warp, first, earliest, "divergent barrier",
                $"lanes 0x{first.Mask:x8} of the warp wait here, lanes 0x{last.Mask:x8} in line "
                + $"{last.Frame.Function.SourceOf(last.Frame.Function.Code + last.Pc).Line} of the PTX: an aligned barrier "
                + $"must be the same for the warp");
        }
        else if (earliest->Form == 1 && HasStragglers(warp, id))
        {
            ReportAt(warp, first, earliest, "divergent barrier",
                $"lanes 0x{first.Mask:x8} passed the barrier while lanes 0x{warp.Live & ~Waiting(warp, id):x8} of their "
                + $"warp had not reached it");
        }
        foreach (Group group in warp.Groups)
        {
            if (group.State == GroupState.Barrier && group.Barrier == id)
            {
                Op* op = group.Frame.Function.Code + group.Pc;
                WriteReduction(group, op, agreed, arrived);
                group.State = GroupState.Runnable;
                group.Pc++;
            }
        }
    }

    private static uint Waiting(Warp warp, int id)
    {
        uint lanes = 0;
        foreach (Group group in warp.Groups)
        {
            lanes |= group.State == GroupState.Barrier && group.Barrier == id ? group.Mask : 0;
        }
        return lanes;
    }

    private static bool HasStragglers(Warp warp, int id) => (warp.Live & ~Waiting(warp, id)) != 0;

    private void ReportAt(Warp warp, Group group, Op* op, string kind, string message)
    {
        warp.Frame = group.Frame;
        Report(warp, op, Checks.Synchronization, kind, group.Mask, 0, message);
    }

    private static void WriteReduction(Group group, Op* op, int agreed, int arrived)
    {
        byte* d = group.Frame.Registers + op->D;
        switch ((BarrierForm)op->Mode)
        {
            case BarrierForm.Popc:
                for (int lane = 0; lane < 32; lane++)
                {
                    if ((group.Mask >> lane & 1) != 0)
                    {
                        ((uint*)d)[lane] = (uint)agreed;
                    }
                }
                break;
            case BarrierForm.And or BarrierForm.Or:
                bool holds = (BarrierForm)op->Mode == BarrierForm.And ? agreed == arrived : agreed > 0;
                *(uint*)d = (*(uint*)d & ~group.Mask) | (holds ? group.Mask : 0);
                break;
        }
    }

    /// <summary>Where every group of the block stands, for a report of a deadlock.</summary>
    public string DescribeWaiting()
    {
        var text = new StringBuilder();
        foreach (Warp warp in warps)
        {
            foreach (Group group in warp.Groups)
            {
                PtxInstruction source = group.Frame.Function.SourceOf(group.Frame.Function.Code + group.Pc);
                (string? file, int line, _) = Launch.Module.Place(source.Location);
                string what = group.State switch
                {
                    GroupState.Barrier => $"wait for barrier {group.Barrier} ({barriers[group.Barrier].Arrived} of "
                        + $"{(barriers[group.Barrier].Expected > 0 ? barriers[group.Barrier].Expected : LiveThreads)} "
                        + $"threads are there)",
                    GroupState.WarpSync => "wait for the other lanes of its membermask",
                    GroupState.Cluster => "wait for the other blocks of the cluster",
                    _ => "run",
                };
                text.Append(CultureInfo.InvariantCulture,
                    $"; warp {warp.Index} lanes 0x{group.Mask:x8} at {file ?? "?"}:{line} (PTX line {source.Line}) {what}");
                if (text.Length > 1500)
                {
                    return text.Append("; ...").ToString(2, text.Length - 2);
                }
            }
        }
        return text.Length > 2 ? text.ToString(2, text.Length - 2) : "";
    }

    /// <summary>Reports that nothing can run and ends the launch.</summary>
    public void ReportDeadlock()
    {
        string text = ReportStuck("deadlock");
        throw new KernelFault(KernelFaultKind.Deadlock, $"the block {Index} cannot go on: {text}");
    }

    /// <summary>Reports that the launch has executed more instructions than it may, and ends it.</summary>
    public void ReportEndless(long limit)
    {
        string text = ReportStuck("endless");
        throw new KernelFault(KernelFaultKind.Budget,
            $"the kernel does not end within {limit} instructions of its warps; block {Index}: {text}");
    }

    // Names the place of a group that runs, where one does: those that wait may wait for it.
    private string ReportStuck(string kind)
    {
        Warp warp = warps.FirstOrDefault(w => w.Groups.Any(g => g.State == GroupState.Runnable)) ?? warps.First(w => !w.IsDone);
        Group group = warp.Groups.FirstOrDefault(g => g.State == GroupState.Runnable) ?? warp.Groups[0];
        warp.Frame = group.Frame;
        string text = DescribeWaiting();
        Report(warp, group.Frame.Function.Code + group.Pc, Checks.Synchronization, kind, group.Mask, 0, text);
        return text;
    }
}
