using System.Numerics;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Operations;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>The race check: accesses to the same bytes of which one writes, and which nothing orders.</summary>
internal sealed unsafe partial class BlockRun
{
    private readonly Dictionary<int, int> acquired = [];
    private readonly Dictionary<int, int> awaiting = []; // read by relaxed operations: acquired by the next fence
    private RaceClocks clocks = null!;
    private int number;
    private int epoch;
    private int fencedEpoch;
    private int serial;

    private void ResetRaces()
    {
        if (!checksRaces)
        {
            return;
        }
        clocks ??= new RaceClocks(warps.Length);
        clocks.Restart();
        Shared.Generation = LaunchContext.NextNumber();
        acquired.Clear();
        awaiting.Clear();
        number = (int)(Index.X + Launch.Grid.X * (Index.Y + (ulong)Launch.Grid.Y * Index.Z));
        (epoch, fencedEpoch) = (1, 0);
    }

    private void NoteArrival(Warp w, uint lanes, int barrier)
    {
        if (checksRaces)
        {
            clocks.OnArrive(w.Index, lanes, w.Live, barrier);
        }
    }

    private void OnBarrier(int barrier)
    {
        if (checksRaces)
        {
            clocks.OnComplete(warps.Where(w => w.Groups.Any(g => g.State == GroupState.Barrier && g.Barrier == barrier))
                .Select(w => w.Index), barrier);
        }
    }

    public void OnWarpSync(Warp w, uint peers)
    {
        if (checksRaces)
        {
            clocks.OnWarpSync(w.Index, peers, w.Live);
        }
    }

    /// <summary>
    /// A fence beyond the block: what the block did so far can be released, and what it has read of releases is acquired.
    /// Mode 0 is a fence within the block.
    /// </summary>
    public void OnFence(Op* op)
    {
        if (checksRaces && op->Mode != 0)
        {
            Fence();
            GlobalOrder.Merge(acquired, awaiting);
        }
    }

    private void Fence() => fencedEpoch = epoch++;

    private void CheckRace(Warp w, Op* op, Region region, uint lanes, int bytes, Access access, MemoryForm form = MemoryForm.None)
    {
        if (region.Address == 0 && region != Shared && Cluster is null || region.IsReadOnly)
        {
            return; // local memory and parameters belong to one thread
        }
        if (IsStrong(access, form) && region.Address != 0)
        {
            Communicate(w, form, lanes, access);
        }
        RaceShadow shadow = ShadowOf(region);
        if (Launch.HasWorkers && region.Address != 0)
        {
            lock (shadow)
            {
                Visit(w, op, region, shadow, lanes, bytes, access, form);
            }
        }
        else
        {
            Visit(w, op, region, shadow, lanes, bytes, access, form);
        }
    }

    private void Visit(Warp w, Op* op, Region region, RaceShadow shadow, uint lanes, int bytes, Access access, MemoryForm form)
    {
        int key = KeyOf(region);
        serial++;
        var current = new RaceAccess
        {
            Block = number,
            Stamp = clocks.Time(w.Index),
            Epoch = epoch,
            Operation = OperationId(w, op),
            Serial = serial,
            Warp = (byte)w.Index,
            IsStrong = IsStrong(access, form),
        };
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            current.Lanes = 1u << lane;
            ulong start = w.Offsets[lane];
            for (ulong at = start; at < start + (ulong)bytes; at += (ulong)shadow.Granularity)
            {
                ref RaceCell cell = ref shadow.At(at, key);
                Visit(w, op, region, ref cell, current, lane, access, at);
                CheckReadOnly(w, op, region, ref cell, lane, access, form, at);
            }
        }
    }

    private static bool IsStrong(Access access, MemoryForm form) => access == Access.Atomic || (form & MemoryForm.Strong) != 0;

    // PTX: what ld.global.nc reads must not be written while the kernel runs, ordered or not.
    private void CheckReadOnly(
        Warp w, Op* op, Region region, ref RaceCell cell, int lane, Access access, MemoryForm form, ulong at)
    {
        if (access != Access.Read)
        {
            if (cell.ReadOnlyReader != 0)
            {
                ReportReadOnly(w, op, region, lane, at, "writes", cell.ReadOnlyReader - 1, "reads it as read-only");
            }
        }
        else if ((form & MemoryForm.ReadOnly) != 0)
        {
            cell.ReadOnlyReader = OperationId(w, op) + 1;
            if (cell.Writer.Block >= 0)
            {
                ReportReadOnly(w, op, region, lane, at, "reads as read-only", cell.Writer.Operation, "writes it");
            }
        }
    }

    private void ReportReadOnly(Warp w, Op* op, Region region, int lane, ulong at, string what, int other, string does)
    {
        PtxInstruction source = Launch.Module.InstructionOf(other);
        (string? file, int line, _) = Launch.Module.Place(source.Location);
        Report(w, op, Checks.Races, "write to read-only memory", 1u << lane, region.Address + at,
            $"{what} byte {at} of {region.Name}, while {source.Form} at {file ?? "?"}:{line} (PTX line {source.Line}) of the same "
            + $"kernel {does}");
    }

    private void Visit(Warp w, Op* op, Region region, ref RaceCell cell, in RaceAccess current, int lane, Access access, ulong at)
    {
        if (cell.Writer.Block >= 0 && cell.Writer.Serial != current.Serial | cell.Writer.Block != number
            && !(cell.Writer.IsStrong && current.IsStrong)
            && !IsOrdered(cell.Writer, w.Index, lane))
        {
            ReportRace(w, op, region, cell.Writer, lane, access, at, "write");
        }
        if (access == Access.Read)
        {
            Note(ref cell, current);
            return;
        }
        if (cell.Reader.Block >= 0 && !(cell.Reader.IsStrong && current.IsStrong) && !IsOrdered(cell.Reader, w.Index, lane))
        {
            ReportRace(w, op, region, cell.Reader, lane, access, at, "read");
        }
        else if (cell.OtherReader.Block >= 0 && !(cell.OtherReader.IsStrong && current.IsStrong)
            && !IsOrdered(cell.OtherReader, w.Index, lane))
        {
            ReportRace(w, op, region, cell.OtherReader, lane, access, at, "read");
        }
        cell.Writer = current;
        cell.Reader.Block = cell.OtherReader.Block = -1;
    }

    // Readers of one warp at one time are kept together; a second place keeps one of another warp.
    private static void Note(ref RaceCell cell, in RaceAccess current)
    {
        ref RaceAccess reader = ref cell.Reader;
        if (reader.Block == current.Block && reader.Warp == current.Warp)
        {
            uint lanes = reader.Stamp == current.Stamp ? reader.Lanes : 0;
            reader = current;
            reader.Lanes |= lanes;
            return;
        }
        if (reader.Block >= 0)
        {
            cell.OtherReader = reader;
        }
        reader = current;
    }

    private bool IsOrdered(in RaceAccess earlier, int warp, int lane)
    {
        if (earlier.Block != number)
        {
            return acquired.TryGetValue(earlier.Block, out int known) && known >= earlier.Epoch;
        }
        if (earlier.IsPending)
        {
            return false;
        }
        if (earlier.Warp != warp)
        {
            return clocks.Knows(warp, lane, earlier.Warp, 0, earlier.Stamp);
        }
        for (uint m = earlier.Lanes & ~(1u << lane); m != 0; m &= m - 1)
        {
            if (!clocks.Knows(warp, lane, warp, BitOperations.TrailingZeroCount(m), earlier.Stamp))
            {
                return false;
            }
        }
        return true;
    }

    private void Communicate(Warp w, MemoryForm form, uint lanes, Access access)
    {
        if ((form & MemoryForm.Release) != 0)
        {
            Fence();
        }
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            Launch.Order.Communicate(w.Addresses[BitOperations.TrailingZeroCount(m)], number, fencedEpoch, acquired,
                (form & MemoryForm.Acquire) != 0 ? acquired : awaiting, access != Access.Write, access != Access.Read);
        }
    }

    private void ReportRace(Warp w, Op* op, Region region, in RaceAccess other, int lane, Access access, ulong at, string what)
    {
        PtxInstruction source = Launch.Module.InstructionOf(other.Operation);
        (string? file, int line, _) = Launch.Module.Place(source.Location);
        string who = other.Block == number
            ? $"thread {ThreadOf(warps[other.Warp], BitOperations.TrailingZeroCount(other.Lanes))} of the block"
            : $"another block, number {other.Block},";
        string how = other.IsPending ? "an asynchronous copy that nobody has waited for" : $"the {what}";
        Report(w, op, Checks.Races, "race", 1u << lane, region.Address + at,
            $"{access.ToString().ToLowerInvariant()} of byte {at} of {region.Name} is not ordered with {how} by {who} at "
            + $"{file ?? "?"}:{line} (PTX line {source.Line}, {source.Form})");
    }

    private static int OperationId(Warp w, Op* op) => w.Frame.Function.CountBase + op->Index;

    // Shared memory begins anew with each block, global memory with each launch.
    private int KeyOf(Region region) => region.Generation != 0 ? region.Generation : Launch.Number;

    private RaceShadow ShadowOf(Region region)
    {
        if (Known() is { } shadow)
        {
            return shadow;
        }
        lock (region)
        {
            return Known() ?? Made();
        }

        // Cells of an earlier kernel, which are of no use any more, may be too coarse for what this module accesses.
        RaceShadow? Known() => region.Shadow is { } known && known.Granularity <= Launch.Module.LeastAccess ? known : null;

        RaceShadow Made()
        {
            region.Shadow?.Dispose();
            return region.Shadow = new RaceShadow(region.Size, Launch.Module.LeastAccess);
        }
    }
}
