using Xunit;

namespace FeatureTransform.Native.Tests.Random;

public sealed class PermutationTests
{
    public static TheoryData<int> Sizes => [.. Enumerable.Range(1, 130), 4095, 4096, 65535, 65536, 1_000_003];

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Is_a_bijection_and_both_ways_of_asking_agree(int count)
    {
        Permutation permutation = Permutation.Of(1, 2, 0, count);
        var indices = new int[count];
        permutation.Fill(0, indices);
        var seen = new bool[count];
        for (int j = 0; j < count; j++)
        {
            Assert.InRange(indices[j], 0, count - 1);
            Assert.False(seen[indices[j]], $"K {count}: {indices[j]} comes twice");
            seen[indices[j]] = true;
            if (j < 1000)
            {
                Assert.Equal(indices[j], permutation[j]);
            }
        }
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(4096)]
    public void Displacements_are_as_uniform_as_those_of_Fisher_and_Yates(int count)
    {
        const int bins = 64, draws = 500;
        var counts = new double[bins];
        var indices = new int[count];
        for (uint step = 0; step < draws; step++)
        {
            Permutation.Of(1, step, 0, count).Fill(0, indices);
            for (int j = 0; j < count; j++)
            {
                counts[(long)((indices[j] - j + count) % count) * bins / count]++;
            }
        }

        double chiSquare = 0;
        for (int bin = 0; bin < bins; bin++)
        {
            int width = Enumerable.Range(0, count).Count(d => (long)d * bins / count == bin);
            double expected = (double)draws * width;
            chiSquare += (counts[bin] - expected) * (counts[bin] - expected) / expected;
        }

        // 63 degrees of freedom; 103.4 is the 99.9 % quantile.
        Assert.True(chiSquare < 103.4, $"K {count}: chi-square {chiSquare:F1}");
    }

    [Fact]
    public void Depends_on_seed_step_and_rank()
    {
        int[] Order(ulong seed, uint step, uint rank) => [.. Enumerable.Range(0, 100).Select(j => Permutation.Of(seed, step, rank, 100)[j])];
        int[] first = Order(1, 1, 0);
        Assert.Equal(first, Order(1, 1, 0));
        Assert.NotEqual(first, Order(2, 1, 0));
        Assert.NotEqual(first, Order(1, 2, 0));
        Assert.NotEqual(first, Order(1, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Permutation.Of(1, 1, 0, 100)[100]);
    }
}
