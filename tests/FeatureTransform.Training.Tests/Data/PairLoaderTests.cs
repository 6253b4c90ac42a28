using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>The order of an epoch and the batches made from it.</summary>
public sealed class PairLoaderTests
{
    private const int Images = 75, Batch = 35, Size = 12;
    private const ulong Seed = 4;

    private static readonly AugmentationRecipe Recipe = AugmentationRecipe.Named("moco-v2", Size);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(1000)]
    public void Every_epoch_has_its_own_permutation(int count)
    {
        int[] Order(ulong seed, int epoch)
        {
            int[] order = new int[count];
            EpochOrder.Fill(seed, epoch, order);
            return order;
        }

        Assert.Equal(Enumerable.Range(0, count), Order(1, 0).Order());
        Assert.Equal(Order(1, 3), Order(1, 3));
        if (count > 2)
        {
            Assert.NotEqual(Order(1, 0), Order(1, 1));
            Assert.NotEqual(Order(1, 0), Order(2, 0));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Batches_are_the_views_of_the_order_whatever_the_threads(int threads)
    {
        using var set = new MemoryImageSet(Images, 20, 17);
        using var loader = new PairLoader(set, Recipe, Size, Batch, Seed, 0, 9, threads);
        Assert.Equal(2, loader.StepsPerEpoch);
        int[] order = new int[Images];
        for (int step = 0; step < 9; step++)
        {
            var batch = (ViewBatch)loader.Next();
            Assert.Equal((step, step / 2), (batch.Step, batch.Epoch));
            EpochOrder.Fill(Seed, step / 2, order);
            Assert.Equal(order[(step % 2 * Batch)..][..Batch], batch.Indices);
            AssertViews(set, batch);

            loader.Return(batch);
        }

        Assert.Throws<InvalidOperationException>(loader.Next);
    }

    [Fact]
    public void Images_of_any_size_that_are_decoded_one_after_the_other_keep_their_pixels()
    {
        // The first three fill the memory of a thread, the fourth is larger than all of it, the sixth larger than what the fifth leaves.
        using var set = new MemoryImageSet((20, 17), (1000, 700), (1000, 700), (2000, 1500), (1000, 700), (1700, 1700), (20, 17));
        var batch = new ViewBatch(set.Count, Size) { Epoch = 1 };
        for (int i = 0; i < set.Count; i++)
        {
            batch.Indices[i] = i;
        }

        batch.Fill(0, set, new Augmenter(Recipe, Size, Seed), new PixelScratch(), CancellationToken.None);
        AssertViews(set, batch);
    }

    [Fact]
    public void Starting_later_gives_the_same_batches()
    {
        using var set = new MemoryImageSet(Images, 20, 17);
        using var whole = new PairLoader(set, Recipe, Size, Batch, Seed, 0, 6, 2);
        using var rest = new PairLoader(set, Recipe, Size, Batch, Seed, 3, 6, 1);
        for (int step = 0; step < 6; step++)
        {
            var expected = (ViewBatch)whole.Next();
            if (step >= 3)
            {
                var actual = (ViewBatch)rest.Next();
                Assert.Equal((expected.Step, expected.Epoch), (actual.Step, actual.Epoch));
                Assert.Equal(expected.Indices, actual.Indices);
                Assert.Equal(expected.View1, actual.View1);
                Assert.Equal(expected.View2, actual.View2);
                rest.Return(actual);
            }

            whole.Return(expected);
        }
    }

    [Fact]
    public void A_few_buffers_are_used_again_and_again()
    {
        using var set = new MemoryImageSet(Images, 20, 17);
        using var loader = new PairLoader(set, Recipe, Size, Batch, Seed, 0, 300, 1);
        var buffers = new HashSet<float[]>(16); // does not grow
        void Run(int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                var batch = (ViewBatch)loader.Next();
                buffers.Add(batch.View1);
                loader.Return(batch);
            }
        }

        Run(100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(100);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(buffers.Count <= 4, $"{buffers.Count} buffers");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_error_comes_with_the_batch_it_belongs_to(int threads)
    {
        int[] order = new int[Images];
        EpochOrder.Fill(Seed, 0, order);
        using var set = new MemoryImageSet(Images, 20, 17) { Broken = order[Batch + 20] };
        using var loader = new PairLoader(set, Recipe, Size, Batch, Seed, 0, 9, threads);
        Assert.Equal(0, loader.Next().Step);
        Assert.Contains("is broken", Assert.Throws<InvalidInputException>(loader.Next).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidInputException>(loader.Next);
    }

    [Fact]
    public void A_batch_larger_than_the_set_is_refused()
    {
        using var set = new MemoryImageSet(7, 20, 17);
        var error = Assert.Throws<InvalidInputException>(() => new PairLoader(set, Recipe, Size, 8, Seed, 0, 1, 1));
        Assert.Contains("8", error.Message, StringComparison.Ordinal);
        Assert.Contains("7", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loader_that_is_disposed_of_gives_no_batch()
    {
        using var set = new MemoryImageSet(Images, 20, 17);
        var loader = new PairLoader(set, Recipe, Size, Batch, Seed, 0, 1000, 2);
        loader.Next();
        loader.Dispose();
        Assert.Throws<ObjectDisposedException>(loader.Next);
    }

    private static void AssertViews(MemoryImageSet set, ViewBatch batch)
    {
        var augmenter = new Augmenter(Recipe, Size, Seed);
        float[] view = new float[Size * Size * 3];
        for (int i = 0; i < batch.Indices.Length; i++)
        {
            RgbImage image = set.Read(batch.Indices[i]);
            augmenter.Apply(image, batch.Epoch, batch.Indices[i], 0, view);
            Assert.Equal(view, batch.View1[(i * view.Length)..][..view.Length]);
            augmenter.Apply(image, batch.Epoch, batch.Indices[i], 1, view);
            Assert.Equal(view, batch.View2[(i * view.Length)..][..view.Length]);
        }
    }
}
