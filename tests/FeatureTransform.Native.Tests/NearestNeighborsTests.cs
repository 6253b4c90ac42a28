using Xunit;

namespace FeatureTransform.Native.Tests;

public sealed class NearestNeighborsTests
{
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(3, 31, 1, 31)]
    [InlineData(5, 64, 7, 3)]
    [InlineData(4, 65, 16, 65)]
    [InlineData(63, 257, 33, 20)]
    [InlineData(65, 1009, 127, 200)]
    [InlineData(131, 640, 128, 1)]
    public void Finds_what_sorting_every_cosine_in_double_finds(int n, int m, int c, int k)
    {
        float[] queries = Random(n * c, 1), bank = Random(m * c, 2);
        (int[] indices, float[] cosines) = Search(queries, bank, c, k, 2);
        for (int row = 0; row < n; row++)
        {
            double[] all = [.. Enumerable.Range(0, m).Select(j => Cosine(queries, row, bank, j, c))];
            double[] sorted = [.. all.OrderDescending().Take(k)];
            int[] found = indices[(row * k)..((row + 1) * k)];
            Assert.Equal(k, found.Distinct().Count());
            for (int i = 0; i < k; i++)
            {
                // Cosines that differ by less than rounding may change places, so values are compared, not indices.
                string at = $"row {row}, neighbour {i} of {n} x {m} x {c}";
                Assert.True(Math.Abs(all[found[i]] - sorted[i]) <= 1e-6, $"{at}: row {found[i]} has {all[found[i]]}, expected {sorted[i]}");
                Assert.True(Math.Abs(cosines[(row * k) + i] - sorted[i]) <= 1e-6, $"{at}: {cosines[(row * k) + i]}, expected {sorted[i]}");
                Assert.True(i == 0 || cosines[(row * k) + i] <= cosines[(row * k) + i - 1], $"{at}: not sorted");
            }
        }
    }

    [Fact]
    public void Of_equal_neighbours_the_lower_index_comes_first()
    {
        const int c = 3, m = 300, k = 150;
        // Rows repeat with period 100 and with other lengths; powers of two leave the direction exact.
        float[] period = Random(100 * c, 3);
        float[] bank = [.. Enumerable.Range(0, m * c).Select(i => period[i % (100 * c)] * (1 << (i / (100 * c))))];
        (int[] indices, float[] cosines) = Search(Random(c, 4), bank, c, k, 1);
        for (int i = 0; i < k; i += 3)
        {
            Assert.Equal([indices[i], indices[i] + 100, indices[i] + 200], indices[i..(i + 3)]);
            Assert.InRange(indices[i], 0, 99);
            Assert.Equal(cosines[i], cosines[i + 2]);
        }

        Assert.Equal(Enumerable.Range(0, 70), Search([1, 0], [.. Enumerable.Repeat(1f, 400)], 2, 70, 1).Indices);
    }

    [Fact]
    public void A_zero_row_is_at_right_angles_to_everything()
    {
        (int[] indices, float[] cosines) = Search([0, 0, -2, 0], [0, 0, 5, 0, -1, 0, 0, 3], 2, 4, 1);
        Assert.Equal([0, 1, 2, 3, 2, 0, 3, 1], indices);
        Assert.Equal([0, 0, 0, 0, 1, 0, 0, -1], cosines);
    }

    [Fact]
    public void Lengths_near_the_limits_of_fp32_do_no_harm()
    {
        (_, float[] cosines) = Search([3e38f, 3e38f], [1e-38f, 1e-38f, -3e38f, 3e38f], 2, 2, 1);
        Assert.Equal(1, cosines[0], 1e-6);
        Assert.Equal(0, cosines[1], 1e-6);
    }

    [Fact]
    public void Threads_change_no_bit()
    {
        float[] queries = Random(200 * 37, 5), bank = Random(500 * 37, 6);
        (int[] indices, float[] cosines) = Search(queries, bank, 37, 25, 1);
        for (int threads = 2; threads <= 7; threads++)
        {
            (int[] again, float[] values) = Search(queries, bank, 37, 25, threads);
            Assert.Equal(indices, again);
            Assert.Equal(cosines, values);
        }
    }

    [Fact]
    public void Says_what_does_not_fit()
    {
        using var search = new NearestNeighbors([1, 2, 3, 4], 2);
        Assert.Contains("M x 3", Assert.Throws<ArgumentException>(() => new NearestNeighbors([1, 2], 3)).Message);
        Assert.Contains("Row 1", Assert.Throws<ArgumentException>(() => new NearestNeighbors([1, 2, float.NaN, 4], 2)).Message);
        Assert.Contains("Row 0", Assert.Throws<ArgumentException>(
            () => search.Search([float.PositiveInfinity, 0], 1, new int[1], new float[1])).Message);
        Assert.Contains("N x 2", Assert.Throws<ArgumentException>(() => search.Search([1], 1, new int[1], new float[1])).Message);
        Assert.Contains("1 x 2", Assert.Throws<ArgumentException>(() => search.Search([1, 1], 2, new int[1], new float[2])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => search.Search([1, 1], 3, new int[3], new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => search.Search([1, 1], 0, [], []));
    }

    private static (int[] Indices, float[] Cosines) Search(float[] queries, float[] bank, int c, int k, int threads)
    {
        int count = queries.Length / c * k;
        var indices = new int[count];
        var cosines = new float[count];
        Array.Fill(indices, -1);
        Array.Fill(cosines, float.NaN);
        using var search = new NearestNeighbors(bank, c, threads);
        search.Search(queries, k, indices, cosines);
        return (indices, cosines);
    }

    private static double Cosine(float[] a, int row, float[] b, int other, int c)
    {
        double dot = 0, first = 0, second = 0;
        for (int i = 0; i < c; i++)
        {
            (double x, double y) = (a[(row * c) + i], b[(other * c) + i]);
            (dot, first, second) = (dot + (x * y), first + (x * x), second + (y * y));
        }

        return dot / Math.Sqrt(first * second);
    }

    private static float[] Random(int count, uint step) =>
        [.. Enumerable.Range(0, count).Select(i => (Philox.Element(11, step, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1)];
}
