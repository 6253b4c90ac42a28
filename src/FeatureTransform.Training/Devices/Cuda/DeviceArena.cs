using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Device memory for activations, taken from the driver in a few large blocks and handed out in the order of one stream: what
/// is given back may be handed out again at once, as everything that uses it runs in that stream. Once a step has run, the same
/// step gets the same addresses, and neither driver nor garbage collector is asked for memory.
/// </summary>
internal sealed class DeviceArena : IDisposable
{
    /// <summary>Least bytes that are taken from the driver at a time where nothing was reserved.</summary>
    private const long Growth = 16 << 20;

    private readonly CudaContext context;
    private readonly bool separate;
    private readonly List<(DeviceMemory Memory, BlockAllocator Blocks)> segments = [];
    private readonly List<Block> blocks = []; // by handle - 1
    private readonly Stack<int> freeHandles = [];

    private record struct Block(int Segment, DeviceMemory? Own, ulong Address, long Offset, long Bytes);

    /// <param name="context">Whose memory.</param>
    /// <param name="separate">
    /// Take each block from the driver by itself: slow, but an emulator then sees each access that leaves its tensor, or comes
    /// before or after its life.
    /// </param>
    public DeviceArena(CudaContext context, bool separate) => (this.context, this.separate) = (context, separate);

    /// <summary>Bytes taken from the driver.</summary>
    public long Capacity => segments.Sum(segment => segment.Blocks.Capacity);

    /// <summary>Bytes of blocks that are not given back yet.</summary>
    public long Used { get; private set; }

    /// <summary>Takes so much from the driver at once, where nothing was taken yet: all that a run will need.</summary>
    /// <exception cref="CudaException">There is not so much free.</exception>
    public void Reserve(long bytes)
    {
        if (!separate && segments.Count == 0)
        {
            AddSegment(bytes);
        }
    }

    /// <summary>A block's address and its handle, never 0. Its contents are undefined.</summary>
    /// <exception cref="CudaException">There is not so much memory.</exception>
    public (nint Handle, ulong Address) Allocate(long bytes)
    {
        Block block = separate ? Separate(bytes) : Shared(bytes);
        Used += BlockAllocator.Rounded(bytes);
        if (!freeHandles.TryPop(out int handle))
        {
            handle = blocks.Count;
            blocks.Add(default);
        }

        blocks[handle] = block;
        return (handle + 1, block.Address);
    }

    /// <summary>Gives a block back; 0 is ignored.</summary>
    /// <exception cref="ArgumentException">It was given back before.</exception>
    public void Free(nint handle)
    {
        if (handle == 0)
        {
            return;
        }

        int index = (int)handle - 1;
        Block block = blocks[index];
        if (block.Address == 0)
        {
            throw new ArgumentException($"Block {handle} was given back before.", nameof(handle));
        }

        block.Own?.Dispose();
        if (block.Own is null)
        {
            segments[block.Segment].Blocks.Free(block.Offset, block.Bytes);
        }

        Used -= BlockAllocator.Rounded(block.Bytes);
        blocks[index] = default;
        freeHandles.Push(index);
    }

    /// <summary>Handles of the blocks that are not given back yet.</summary>
    public IReadOnlyList<nint> GetLive() => [.. Enumerable.Range(0, blocks.Count).Where(i => blocks[i].Address != 0).Select(i => (nint)(i + 1))];

    /// <summary>Gives back what was handed out since <paramref name="kept"/> was all there was.</summary>
    public void FreeAllBut(IReadOnlyList<nint> kept)
    {
        foreach (nint handle in GetLive().Except(kept))
        {
            Free(handle);
        }
    }

    public void Dispose()
    {
        foreach (Block block in blocks)
        {
            block.Own?.Dispose();
        }

        foreach ((DeviceMemory memory, _) in segments)
        {
            memory.Dispose();
        }

        segments.Clear();
        blocks.Clear();
        freeHandles.Clear();
    }

    private Block Separate(long bytes)
    {
        var memory = new DeviceMemory(context, Math.Max(bytes, 1));
        return new Block(-1, memory, memory.Address, 0, bytes);
    }

    private Block Shared(long bytes)
    {
        int segment = BestSegment(bytes);
        long offset = segment < 0 ? -1 : segments[segment].Blocks.Allocate(bytes);
        for (int i = 0; offset < 0 && i < segments.Count; i++)
        {
            (segment, offset) = (i, segments[i].Blocks.Allocate(bytes));
        }

        if (offset < 0)
        {
            AddSegment(Math.Max(BlockAllocator.Rounded(bytes), Growth));
            (segment, offset) = (segments.Count - 1, segments[^1].Blocks.Allocate(bytes));
        }

        return new Block(segment, null, segments[segment].Memory.Address + (ulong)offset, offset, bytes);
    }

    // The segment with the smallest hole that is large enough; -1: none has one.
    private int BestSegment(long bytes)
    {
        (int best, long smallest) = (-1, long.MaxValue);
        for (int i = 0; i < segments.Count; i++)
        {
            long hole = segments[i].Blocks.BestHole(bytes);
            if (hole > 0 && hole < smallest)
            {
                (best, smallest) = (i, hole);
            }
        }

        return best;
    }

    private void AddSegment(long bytes)
    {
        bytes = BlockAllocator.Rounded(bytes);
        segments.Add((new DeviceMemory(context, bytes), new BlockAllocator(bytes)));
    }
}
