using FeatureTransform.Training.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>The arena's offsets against a model that knows every live block.</summary>
public sealed class BlockAllocatorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Blocks_never_overlap_and_holes_are_joined(int seed)
    {
        var random = new Random(seed);
        var blocks = new BlockAllocator();
        var live = new List<(long Offset, long Bytes)>();
        long highest = 0;
        for (int i = 0; i < 3000; i++)
        {
            if (live.Count > 0 && random.NextDouble() < 0.5)
            {
                (long offset, long bytes) = live[random.Next(live.Count)];
                live.Remove((offset, bytes));
                blocks.Free(offset, bytes);
            }
            else
            {
                long bytes = random.Next(1, 5000);
                long offset = blocks.Allocate(bytes);
                Assert.Equal(0, offset % BlockAllocator.Alignment);
                Assert.DoesNotContain(live, block => block.Offset < offset + bytes && offset < block.Offset + block.Bytes);
                Assert.Equal(BestFit(live, bytes), offset);
                live.Add((offset, bytes));
            }

            highest = Math.Max(highest, live.Select(block => block.Offset + Rounded(block.Bytes)).DefaultIfEmpty().Max());
            Assert.Equal(live.Sum(block => Rounded(block.Bytes)), blocks.Used);
            Assert.Equal(highest, blocks.Peak);
        }

        live.ForEach(block => blocks.Free(block.Offset, block.Bytes));
        Assert.Equal(0, blocks.Used);
        Assert.Equal(0, blocks.Allocate(highest)); // one hole again
    }

    [Fact]
    public void A_range_of_the_peak_is_enough_and_gives_the_same_offsets()
    {
        long[] free = Offsets(new BlockAllocator(), out long peak), bounded = Offsets(new BlockAllocator(peak), out _);
        Assert.Equal(free, bounded);
        Assert.Contains(-1, Offsets(new BlockAllocator(peak - BlockAllocator.Alignment), out _));

        static long[] Offsets(BlockAllocator blocks, out long peak)
        {
            var random = new Random(7);
            var live = new Queue<(long Offset, long Bytes)>();
            var offsets = new List<long>();
            for (int i = 0; i < 500; i++)
            {
                long bytes = random.Next(1, 100_000), offset = blocks.Allocate(bytes);
                offsets.Add(offset);
                if (offset >= 0)
                {
                    live.Enqueue((offset, bytes));
                }

                while (live.Count > random.Next(1, 20))
                {
                    (long first, long size) = live.Dequeue();
                    blocks.Free(first, size);
                }
            }

            peak = blocks.Peak;
            return [.. offsets];
        }
    }

    private static long Rounded(long bytes) => (bytes + 255) / 256 * 256;

    // The smallest gap between live blocks that is large enough, the first of equals; else behind the last.
    private static long BestFit(List<(long Offset, long Bytes)> live, long bytes)
    {
        (long best, long smallest, long end) = (-1, long.MaxValue, 0);
        foreach ((long offset, long size) in live.OrderBy(block => block.Offset))
        {
            long gap = offset - end;
            if (gap >= Rounded(bytes) && gap < smallest)
            {
                (best, smallest) = (end, gap);
            }

            end = offset + Rounded(size);
        }

        return best >= 0 ? best : end;
    }
}
