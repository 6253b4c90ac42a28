using FeatureTransform.Training.Methods;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

public sealed class BatchShuffleTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(31)]
    [InlineData(256)]
    public void Is_a_permutation_that_depends_on_seed_step_and_rank_alone(int n)
    {
        int[] order = Draw(n, 7, 3, 0);
        Assert.Equal(Enumerable.Range(0, n), order.Order());
        Assert.Equal(order, Draw(n, 7, 3, 0));
        if (n > 2)
        {
            Assert.NotEqual(order, Draw(n, 7, 4, 0));
            Assert.NotEqual(order, Draw(n, 8, 3, 0));
            Assert.NotEqual(order, Draw(n, 7, 3, 1));
        }
    }

    [Fact]
    public void Each_row_lands_anywhere_equally_often()
    {
        const int n = 8, draws = 40_000;
        int[,] counts = new int[n, n];
        for (uint step = 0; step < draws; step++)
        {
            int[] order = Draw(n, 1, step, 0);
            for (int i = 0; i < n; i++)
            {
                counts[i, order[i]]++;
            }
        }

        double expected = (double)draws / n, chiSquare = 0;
        foreach (int count in counts)
        {
            chiSquare += (count - expected) * (count - expected) / expected;
        }

        // (n - 1)^2 = 49 degrees of freedom; 85.4 is the 99.9 % quantile.
        Assert.True(chiSquare < 85.4, $"chi-square {chiSquare}");
    }

    private static int[] Draw(int n, ulong seed, uint step, uint rank)
    {
        int[] order = new int[n];
        BatchShuffle.Fill(seed, step, rank, order);
        return order;
    }
}
