using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// knn_normalize, knn_search and knn_vote: neighbours, order and cosines bit by bit as <see cref="NearestNeighbors"/>, cosines and
/// votes against fp64.
/// </summary>
public abstract class KnnTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const float Temperature = 0.07f;

    [Theory]
    [InlineData(1, 1, 1, 1, 1, 2, false)]
    [InlineData(3, 70, 5, 7, 1, 3, true)]
    [InlineData(65, 200, 17, 20, 3, 10, true)]
    [InlineData(31, 257, 33, 5, 4, 300, false)]
    [InlineData(64, 255, 48, 130, 2, 11, false)]
    [InlineData(5, 300, 16, 300, 3, 7, true)]
    [InlineData(2, 1009, 3, 257, 2, 5, true)]
    public void Neighbours_order_and_votes_equal_those_of_the_CPU_and_the_oracle(
        int n, int m, int c, int k, int parts, int classes, bool ties)
    {
        float[] queries = Rows(n * c, 1, ties), bank = Rows(m * c, 2, ties);
        Array.Clear(bank, m / 2 * c, c);
        int[] labels = Labels(m, classes);
        using KernelDevice device = TDevice.Open();
        Result actual = Run(device, queries, bank, c, k, parts, Knn.Capacity(k), labels, classes);
        CheckNeighbours(queries, bank, c, k, actual);
        for (int row = 0; row < n; row++)
        {
            double[] votes = new double[classes];
            for (int i = row * k; i < (row + 1) * k; i++)
            {
                votes[labels[actual.Indices[i]]] +=
                    Math.Exp(((double)actual.Similarities[i] - actual.Similarities[row * k]) / Temperature);
            }

            for (int j = 0; j < classes; j++)
            {
                double vote = actual.Votes[(row * classes) + j];
                Assert.True(Math.Abs(vote - votes[j]) <= 1e-13 * k, $"query {row}, class {j}: {vote:R}, expected {votes[j]:R}");
            }
        }

        // By the definition in fp64; cosines that differ by less than rounding may change places, so values are compared.
        for (int row = 0; row < n; row += 7)
        {
            double[] all = [.. Enumerable.Range(0, m).Select(j => Cosine(queries, row, bank, j, c))];
            double[] sorted = [.. all.OrderDescending().Take(k)];
            Accuracy.Check($"cosines of query {row}", 1e-6, sorted, actual.Similarities[(row * k)..((row + 1) * k)]);
        }
    }

    [Fact]
    public void Lists_that_overflow_again_and_again_keep_the_best()
    {
        // One query many times, and a bank that comes nearer row by row, with worse rows between: nearly every row is taken.
        const int n = 66, m = 640, c = 16, k = 9;
        float[] query = Rows(c, 3, false), queries = [.. Enumerable.Repeat(query, n).SelectMany(row => row)], rows = Rows(m * c, 4, false);
        float[] bank =
        [
            .. Enumerable.Range(0, m).OrderBy(j => Cosine(query, 0, rows, j, c)).SelectMany(j => rows[(j * c)..((j + 1) * c)]),
        ];
        for (int j = 0; j < m; j++)
        {
            if (j / Knn.Tile % 2 == 1 && j % Knn.Tile >= 20)
            {
                query.Select(x => -x).ToArray().CopyTo(bank, j * c);
            }
        }

        using KernelDevice device = TDevice.Open();
        foreach (int parts in new[] { 1, 5 })
        {
            CheckNeighbours(queries, bank, c, k, Run(device, queries, bank, c, k, parts, k + Knn.Tile, Labels(m, 4), 4));
        }
    }

    [Fact]
    public void Rows_that_are_not_finite_are_nobodys_neighbours_and_have_none()
    {
        const int m = 70, c = 5, k = 3;
        float[] queries = Rows(2 * c, 1, false), bank = Rows(m * c, 2, false);
        queries[c + 1] = float.NaN;
        bank[0] = float.NaN;
        using KernelDevice device = TDevice.Open();
        Result actual = Run(device, queries, bank, c, k, 2, Knn.Capacity(k), Labels(m, 2), 2);
        Assert.DoesNotContain(0, actual.Indices[..k]);
        Assert.All(actual.Similarities[..k], x => Assert.InRange(x, 0, 1));
        Assert.All(actual.Indices[k..], i => Assert.Equal(-1, i));
        Assert.All(actual.Similarities[k..], x => Assert.True(float.IsNaN(x)));
        Assert.Equal([0, 0], actual.Votes[2..]);
    }

    [Fact]
    public void Unit_rows_are_padded_with_zeros_and_zero_rows_stay_zero()
    {
        const int count = 9, c = 21;
        float[] rows = Rows(count * c, 6, false);
        Array.Clear(rows, 2 * c, c);
        for (int i = 0; i < c; i++)
        {
            rows[(3 * c) + i] *= 1e-38f;
            rows[(4 * c) + i] = MathF.CopySign(3e38f, rows[(4 * c) + i]);
        }

        using KernelDevice device = TDevice.Open();
        double[] oracle = [.. rows.Chunk(c).SelectMany(row =>
        {
            double norm = Math.Sqrt(row.Sum(x => (double)x * x));
            return row.Select(x => norm == 0 ? 0 : x / norm).Concat(new double[Knn.Padded(c) - c]);
        })];

        // Rounded once from double.
        Accuracy.Check("unit rows", Math.ScaleB(1, -24), oracle, Normalize(device, rows, c, c + 3).Read());
        Accuracy.Check("unit rows", Math.ScaleB(1, -24), oracle, Normalize(device, rows, c, c).Read());
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        Result actual = Run(device, Rows(67 * 17, 1, true), Rows(300 * 17, 2, true), 17, 40, 3, 40 + Knn.Tile, Labels(300, 5), 5);
        return
        [
            .. MemoryMarshal.AsBytes<int>(actual.Indices), .. MemoryMarshal.AsBytes<float>(actual.Similarities),
            .. MemoryMarshal.AsBytes<double>(actual.Votes),
        ];
    }

    // Small integers, so that many cosines are equal, or numbers of any size.
    private static float[] Rows(int count, int seed, bool ties) =>
        [.. Inputs.Uniform(count, seed).Select(x => ties ? MathF.Round(1.4f * x) : x)];

    private static int[] Labels(int m, int classes) => [.. Enumerable.Range(0, m).Select(i => i * 7 % classes)];

    private static void CheckNeighbours(float[] queries, float[] bank, int c, int k, Result actual)
    {
        int[] indices = new int[actual.Indices.Length];
        float[] similarities = new float[indices.Length];
        using var search = new NearestNeighbors(bank, c, 1);
        search.Search(queries, k, indices, similarities);
        Accuracy.SameBits("neighbours", indices, actual.Indices);
        Accuracy.SameBits("cosines", similarities, actual.Similarities);
    }

    private static DeviceArray<float> Normalize(KernelDevice device, float[] rows, int c, int stride)
    {
        int count = rows.Length / c, padded = Knn.Padded(c);
        DeviceArray<float> unit = device.Poisoned<float>(count * padded);
        new Knn(device.Kernels).Normalize(device.Stream, new KnnNormalizeArgs
        {
            Rows = device.Upload(ElementType.Float32, rows, c, stride),
            Unit = unit.Address,
            Stride = (ulong)stride,
            Count = (uint)count,
            C = (uint)c,
            Padded = (uint)padded,
        });
        return unit;
    }

    private static Result Run(
        KernelDevice device, float[] queries, float[] bank, int c, int k, int parts, int capacity, int[] labels, int classes)
    {
        int n = queries.Length / c, m = bank.Length / c;
        DeviceArray<ulong> keys = device.Poisoned<ulong>(parts * n * capacity);
        DeviceArray<uint> counts = device.Poisoned<uint>(parts * n);
        DeviceArray<int> indices = device.Poisoned<int>(n * k);
        DeviceArray<float> similarities = device.Poisoned<float>(n * k);
        DeviceArray<double> votes = device.Poisoned<double>(n * classes);
        var knn = new Knn(device.Kernels);
        knn.Search(device.Stream, parts, new KnnSearchArgs
        {
            Queries = Normalize(device, queries, c, c).Address,
            Bank = Normalize(device, bank, c, c).Address,
            Keys = keys.Address,
            Counts = counts.Address,
            N = (uint)n,
            M = (uint)m,
            Padded = (uint)Knn.Padded(c),
            K = (uint)k,
            Capacity = (uint)capacity,
        });
        Assert.All(counts.Read(), count => Assert.InRange(count, 0u, (uint)k));
        _ = keys.Read();
        knn.Vote(device.Stream, new KnnVoteArgs
        {
            Keys = keys.Address,
            Counts = counts.Address,
            Best = device.Poisoned<ulong>(n * k).Address,
            Indices = indices.Address,
            Similarities = similarities.Address,
            Labels = device.Upload<int>(labels).Address,
            Votes = votes.Address,
            N = (uint)n,
            K = (uint)k,
            Capacity = (uint)capacity,
            Parts = (uint)parts,
            Classes = (uint)classes,
            Temperature = Temperature,
        });
        return new Result(indices.Read(), similarities.Read(), votes.Read());
    }

    private static double Cosine(float[] a, int row, float[] b, int other, int c)
    {
        double dot = 0, first = 0, second = 0;
        for (int i = 0; i < c; i++)
        {
            (double x, double y) = (a[(row * c) + i], b[(other * c) + i]);
            (dot, first, second) = (dot + (x * y), first + (x * x), second + (y * y));
        }

        return first == 0 || second == 0 ? 0 : dot / Math.Sqrt(first * second);
    }

    private sealed record Result(int[] Indices, float[] Similarities, double[] Votes);
}

public sealed class KnnOnEmulator : KnnTests<OnEmulator>;

public sealed class KnnOnGpu : KnnTests<OnGpu>;
