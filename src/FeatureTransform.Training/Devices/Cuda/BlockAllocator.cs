namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Where blocks lie in a range of bytes: best fit among the holes, neighbouring holes joined, and what lies behind the last
/// block is touched only where no hole is large enough. So the same requests always give the same offsets, whatever the
/// capacity, and the capacity that a run needs can be found without memory.
/// </summary>
/// <param name="capacity">Bytes of the range.</param>
internal sealed class BlockAllocator(long capacity = long.MaxValue)
{
    /// <summary>Offsets and sizes are multiples of this, as wide loads and the libraries' fastest kernels want.</summary>
    public const long Alignment = 256;

    private readonly List<Hole> holes = []; // by offset; none touches another or the end
    private long end;                       // behind the last block

    private readonly record struct Hole(long Offset, long Bytes)
    {
        public long End => Offset + Bytes;
    }

    public long Capacity => capacity;

    /// <summary>Bytes of live blocks, rounded up to the alignment.</summary>
    public long Used { get; private set; }

    /// <summary>The capacity that all requests so far needed.</summary>
    public long Peak { get; private set; }

    /// <summary>Bytes that a block takes.</summary>
    public static long Rounded(long bytes) => checked((Math.Max(bytes, 1) + Alignment - 1) / Alignment * Alignment);

    /// <summary>The bytes of the hole that a block would take; 0 where only the end has room.</summary>
    public long BestHole(long bytes) => Best(Rounded(bytes)) is >= 0 and int best ? holes[best].Bytes : 0;

    /// <summary>The offset of a new block; -1 where there is no room.</summary>
    public long Allocate(long bytes)
    {
        bytes = Rounded(bytes);
        int best = Best(bytes);
        long offset;
        if (best >= 0)
        {
            Hole hole = holes[best];
            offset = hole.Offset;
            if (hole.Bytes == bytes)
            {
                holes.RemoveAt(best);
            }
            else
            {
                holes[best] = new Hole(offset + bytes, hole.Bytes - bytes);
            }
        }
        else if (bytes <= capacity - end)
        {
            offset = end;
            end += bytes;
            Peak = Math.Max(Peak, end);
        }
        else
        {
            return -1;
        }

        Used += bytes;
        return offset;
    }

    /// <summary>Gives a block back.</summary>
    /// <param name="offset">What <see cref="Allocate"/> gave.</param>
    /// <param name="bytes">What it was asked for.</param>
    public void Free(long offset, long bytes)
    {
        bytes = Rounded(bytes);
        Used -= bytes;
        int next = 0;
        while (next < holes.Count && holes[next].Offset < offset)
        {
            next++;
        }

        var hole = new Hole(offset, bytes);
        if (next < holes.Count && hole.End == holes[next].Offset)
        {
            hole = hole with { Bytes = bytes + holes[next].Bytes };
            holes.RemoveAt(next);
        }

        if (next > 0 && holes[next - 1].End == hole.Offset)
        {
            next--;
            hole = new Hole(holes[next].Offset, holes[next].Bytes + hole.Bytes);
            holes.RemoveAt(next);
        }

        if (hole.End == end)
        {
            end = hole.Offset;
        }
        else
        {
            holes.Insert(next, hole);
        }
    }

    private int Best(long bytes)
    {
        int best = -1;
        for (int i = 0; i < holes.Count; i++)
        {
            if (holes[i].Bytes >= bytes && (best < 0 || holes[i].Bytes < holes[best].Bytes))
            {
                best = i;
            }
        }

        return best;
    }
}
