using System.Buffers;
using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Page-locked memory, from which copies go to the device by themselves. What was not given back ends with the pool.</summary>
/// <param name="context">The context of the copies.</param>
internal sealed class PinnedPool(CudaContext context) : MemoryPool<byte>
{
    private readonly HashSet<Block> rented = []; // guarded by itself: threads that decode images rent too

    public override int MaxBufferSize => Array.MaxLength;

    /// <summary>A block of its own of exactly so many bytes, at least one.</summary>
    /// <exception cref="CudaException">The system does not lock so much memory.</exception>
    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        var block = new Block(this, new PinnedMemory(context, Math.Max(1, minBufferSize)));
        lock (rented)
        {
            rented.Add(block);
        }

        return block;
    }

    protected override void Dispose(bool disposing)
    {
        Block[] left;
        lock (rented)
        {
            left = [.. rented];
        }

        foreach (IDisposable block in left)
        {
            block.Dispose();
        }
    }

    private sealed class Block(PinnedPool pool, PinnedMemory memory) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => memory.AsSpan<byte>();

        public override unsafe MemoryHandle Pin(int elementIndex = 0) => new((byte*)memory.Handle + elementIndex, default, this);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
            lock (pool.rented)
            {
                pool.rented.Remove(this);
            }

            memory.Dispose();
        }
    }
}
