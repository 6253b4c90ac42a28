using System.Collections;

namespace FeatureTransform.Cuda.Emulator.Decoding;

internal enum RegisterClass : byte
{
    Word,
    DoubleWord,
    Predicate,
}

/// <summary>
/// Gives virtual registers their places in the register file by linear scan over live intervals, so that the file of a warp stays
/// small enough for the first-level cache. Lanes never see each other's column, so divergence does not disturb it.
/// </summary>
internal sealed class RegisterAllocator(IReadOnlyList<RegisterClass> classes, IReadOnlyList<Draft> drafts,
    IReadOnlyList<(int First, int End, int[] Successors)> blocks)
{
    private readonly int[] starts = [.. Enumerable.Repeat(int.MaxValue, classes.Count)];
    private readonly int[] ends = [.. Enumerable.Repeat(-1, classes.Count)];
    private BitArray[]? live; // registers that live where a block begins

    /// <summary>Registers whose value at the start of the function may be read.</summary>
    public IEnumerable<int> LiveAtEntry
    {
        get
        {
            FindIntervals();
            return Enumerable.Range(0, classes.Count).Where(r => live![0][r]);
        }
    }

    /// <summary>Byte offsets by virtual register, behind <paramref name="start"/>; -1 for those never used.</summary>
    public int[] Allocate(int start, out int end)
    {
        FindIntervals();
        int[] offsets = [.. Enumerable.Repeat(-1, classes.Count)];
        int next = start;
        foreach (RegisterClass kind in new[] { RegisterClass.DoubleWord, RegisterClass.Word, RegisterClass.Predicate })
        {
            int size = kind switch { RegisterClass.DoubleWord => 256, RegisterClass.Word => 128, _ => 4 };
            var active = new PriorityQueue<int, int>();
            foreach (int register in Enumerable.Range(0, classes.Count)
                .Where(r => classes[r] == kind && ends[r] >= 0).OrderBy(r => starts[r]).ThenBy(r => r))
            {
                if (active.TryPeek(out int freed, out int until) && until < starts[register])
                {
                    active.Dequeue();
                    offsets[register] = freed;
                }
                else
                {
                    offsets[register] = next;
                    next += size;
                }
                active.Enqueue(offsets[register], ends[register]);
            }
        }
        end = (next + 63) & ~63;
        return offsets;
    }

    private void FindIntervals()
    {
        if (live is not null)
        {
            return;
        }
        var uses = new BitArray[blocks.Count];
        var defs = new BitArray[blocks.Count];
        BitArray[] liveIn = live = new BitArray[blocks.Count];
        for (int b = 0; b < blocks.Count; b++)
        {
            (uses[b], defs[b], liveIn[b]) = (new BitArray(classes.Count), new BitArray(classes.Count),
                new BitArray(classes.Count));
            for (int i = blocks[b].First; i < blocks[b].End; i++)
            {
                foreach (int use in drafts[i].Uses)
                {
                    Extend(use, i);
                    if (!defs[b][use])
                    {
                        uses[b][use] = true;
                    }
                }
                foreach (int def in drafts[i].Defs)
                {
                    Extend(def, i);
                    if (!drafts[i].IsGuarded)
                    {
                        defs[b][def] = true;
                    }
                    else if (!defs[b][def])
                    {
                        uses[b][def] = true; // lanes without the guard keep the old value
                    }
                }
            }
        }
        var liveOut = new BitArray(classes.Count);
        bool changed = true;
        while (changed)
        {
            changed = false;
            for (int b = blocks.Count - 1; b >= 0; b--)
            {
                liveOut.SetAll(false);
                foreach (int next in blocks[b].Successors)
                {
                    liveOut.Or(liveIn[next]);
                }
                for (int r = 0; r < classes.Count; r++)
                {
                    if (liveOut[r])
                    {
                        Extend(r, blocks[b].End - 1);
                    }
                }
                liveOut.And(defs[b].Not()).Or(uses[b]);
                defs[b].Not();
                if (!Same(liveIn[b], liveOut))
                {
                    liveIn[b] = new BitArray(liveOut);
                    changed = true;
                }
            }
        }
        for (int b = 0; b < blocks.Count; b++)
        {
            for (int r = 0; r < classes.Count; r++)
            {
                if (liveIn[b][r])
                {
                    Extend(r, blocks[b].First);
                }
            }
        }
    }

    private void Extend(int register, int at)
    {
        starts[register] = Math.Min(starts[register], at);
        ends[register] = Math.Max(ends[register], at);
    }

    private static bool Same(BitArray a, BitArray b)
    {
        for (int i = 0; i < a.Length; i++)
        {
            if (a[i] != b[i])
            {
                return false;
            }
        }
        return true;
    }
}
