using System.Numerics;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>A copy of one lane by cp.async that has been issued.</summary>
internal unsafe struct AsyncCopy
{
    public Region Source;
    public ulong SourceOffset;
    public Region Target;
    public ulong TargetOffset;
    public int Lane;
    public int Bytes;
    public int SourceBytes;

    /// <summary>The group of the lane it belongs to, counted from the start of the block.</summary>
    public int Group;
    public Op* Op;
}

/// <summary>The cp.async copies of a warp that have not happened yet.</summary>
internal sealed class AsyncCopyQueue
{
    /// <summary>Groups each lane has committed.</summary>
    public int[] Committed { get; } = new int[32];

    public List<AsyncCopy> Pending { get; } = [];

    public void Reset()
    {
        Array.Clear(Committed);
        Pending.Clear();
    }
}

internal sealed unsafe partial class BlockRun
{
    /// <summary>Commits the open group of the executing lanes.</summary>
    public static void CommitGroup(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            w.Copies.Committed[BitOperations.TrailingZeroCount(m)]++;
        }
    }

    /// <summary>cp.async.wait_group N: all but the N newest committed groups; Form 1 is wait_all.</summary>
    public static void WaitGroup(Warp w, Op* op)
    {
        AsyncCopyQueue queue = w.Copies;
        if (op->Form == 1)
        {
            w.Block.FinishAsyncCopies(w, w.Mask);
            return;
        }
        int pending = (int)Math.Min(op->Immediate, int.MaxValue);
        if (queue.Pending.Count == 0)
        {
            return;
        }
        int kept = 0;
        List<AsyncCopy> list = queue.Pending;
        for (int i = 0; i < list.Count; i++)
        {
            AsyncCopy copy = list[i];
            if ((w.Mask >> copy.Lane & 1) != 0 && copy.Group < queue.Committed[copy.Lane] - pending)
            {
                w.Block.Finish(w, copy);
            }
            else
            {
                list[kept++] = copy;
            }
        }
        list.RemoveRange(kept, list.Count - kept);
    }

    /// <summary>Lets every outstanding copy of the lanes happen.</summary>
    public void FinishAsyncCopies(Warp w, uint lanes)
    {
        if (w.Copies.Pending.Count == 0)
        {
            return;
        }
        foreach (AsyncCopy copy in w.Copies.Pending)
        {
            if ((lanes >> copy.Lane & 1) != 0)
            {
                Finish(w, copy);
            }
        }
        w.Copies.Pending.RemoveAll(c => (lanes >> c.Lane & 1) != 0);
    }

    /// <summary>Copies now, in late mode when the wait has come, else at once.</summary>
    public void Transfer(Warp w, in AsyncCopy copy)
    {
        byte* target = copy.Target.Data + copy.TargetOffset;
        if (copy.SourceBytes > 0)
        {
            if (copy.Source.IsFreed)
            {
                w.Frame ??= w.Current.Frame;
                Report(w, copy.Op, Checks.Memory, "use after free", 1u << copy.Lane, copy.Source.Address + copy.SourceOffset,
                    $"the source of an asynchronous copy, {copy.Source.Name}, was freed before it was read");
                return;
            }
            if (checksWritten && !copy.Source.IsWritten(copy.SourceOffset, copy.SourceBytes == copy.Bytes ? copy.Bytes : 1))
            {
                Report(w, copy.Op, Checks.Initialization, "uninitialised read", 1u << copy.Lane,
                    copy.Source.Address + copy.SourceOffset,
                    $"cp.async copies bytes of {copy.Source.Name} that were never written");
            }
            Buffer.MemoryCopy(copy.Source.Data + copy.SourceOffset, target, copy.Bytes, copy.SourceBytes);
        }
        new Span<byte>(target + copy.SourceBytes, copy.Bytes - copy.SourceBytes).Clear();
        copy.Target.MarkAccess(copy.TargetOffset, copy.Bytes);
    }

    private void Finish(Warp w, in AsyncCopy copy)
    {
        if (Launch.Options.AsyncCopies == AsyncCopyTime.Late)
        {
            Transfer(w, copy);
        }
        NoteAsyncDone(w, copy);
    }

    /// <summary>cp.async begins to write: from now on its bytes are nobody's until the thread has waited.</summary>
    public void OnAsyncIssue(Warp w, Op* op, Region shared, uint lanes, ulong* offsets, int bytes)
    {
        Buffer.MemoryCopy(offsets, w.Offsets, 256, 256);
        if (Counts != null)
        {
            CountAccess(w, op, shared, lanes, bytes, Access.Write);
        }
        if (!checksRaces)
        {
            return;
        }
        CheckRace(w, op, shared, lanes, bytes, Access.Write);
        RaceShadow shadow = ShadowOf(shared);
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            ulong start = offsets[BitOperations.TrailingZeroCount(m)];
            for (ulong at = start; at < start + (ulong)bytes; at += (ulong)shadow.Granularity)
            {
                shadow.At(at, KeyOf(shared)).Writer.IsPending = true;
            }
        }
    }

    public void OnAsyncRead(Warp w, Op* op, Region source, uint lanes, int bytes)
    {
        if (Counts != null)
        {
            CountAccess(w, op, source, lanes, bytes, Access.Read);
        }
        if (checksRaces)
        {
            CheckRace(w, op, source, lanes, bytes, Access.Read);
        }
    }

    /// <summary>The thread has waited for a copy: it counts as its own write of this moment.</summary>
    private void NoteAsyncDone(Warp w, in AsyncCopy copy)
    {
        if (!checksRaces)
        {
            return;
        }
        RaceShadow shadow = ShadowOf(copy.Target);
        for (ulong at = copy.TargetOffset; at < copy.TargetOffset + (ulong)copy.Bytes; at += (ulong)shadow.Granularity)
        {
            ref RaceCell cell = ref shadow.At(at, KeyOf(copy.Target));
            if (cell.Writer.IsPending && cell.Writer.Warp == w.Index && cell.Writer.Lanes == 1u << copy.Lane)
            {
                cell.Writer.IsPending = false;
                cell.Writer.Stamp = clocks.Time(w.Index);
            }
        }
    }
}
