using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>
/// The k most similar rows of a bank by cosine, similarity and selection in one pass: no N x M array exists. The bank is kept
/// once, as unit vectors in panels of 64 rows with the channels outermost, so that one vector holds one channel of 16 rows and a
/// register tile of 4 queries x 64 rows needs no horizontal sum. A similarity is one chain of fused multiply-adds over the
/// channels, whatever tile or thread computes it: results are the same bits for any number of threads. Not safe for use by two
/// threads at once.
/// </summary>
public sealed unsafe class NearestNeighbors : IDisposable
{
    internal const int PanelRows = 64;
    private const int QueryTile = 4, QueriesPerItem = 64, Alignment = 64;

    private readonly int threads;
    private float* panels; // ceil(M / 64) x C x 64

    /// <summary>Copies and normalises the rows to search among. A zero row stays zero: similarity 0 with everything.</summary>
    /// <param name="bank">M x C, row-major; any length but no NaN or infinity.</param>
    /// <param name="c">C, channels, at least 1.</param>
    /// <param name="threads">Threads; 0: one a core.</param>
    /// <exception cref="ArgumentException">The shape does not fit, or a value is NaN or infinite (the message names its row).</exception>
    public NearestNeighbors(ReadOnlySpan<float> bank, int c, int threads = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(c, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(threads);
        if (bank.IsEmpty || bank.Length % c != 0)
        {
            throw new ArgumentException($"bank must be M x {c} floats with M at least 1; given {bank.Length} floats.", nameof(bank));
        }

        ThrowIfNotFinite(bank, c, nameof(bank));
        (Count, C, this.threads) = (bank.Length / c, c, threads > 0 ? threads : Environment.ProcessorCount);
        int count = (Count + PanelRows - 1) / PanelRows;
        panels = (float*)NativeMemory.AlignedAlloc((nuint)count * PanelRows * (nuint)c * sizeof(float), Alignment);
        fixed (float* source = bank)
        {
            float* rows = source;
            using var work = new WorkQueue(this.threads, (panel, _) => Pack(rows, panel));
            work.Run(count);
        }
    }

    /// <summary>Frees the bank where <see cref="Dispose"/> was not called.</summary>
    ~NearestNeighbors() => NativeMemory.AlignedFree(panels);

    /// <summary>M, rows of the bank.</summary>
    public int Count { get; }

    /// <summary>C, channels.</summary>
    public int C { get; }

    /// <summary>Finds the k nearest rows of each query, the nearest first; of equally near ones those with the lower index.</summary>
    /// <param name="queries">N x C, row-major; any length but no NaN or infinity. A zero row has similarity 0 with everything.</param>
    /// <param name="k">Neighbours, 1..M.</param>
    /// <param name="indices">Receives the bank rows, N x k.</param>
    /// <param name="similarities">Receives their cosines, N x k.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or a value is NaN or infinite (the message names its row).</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="k"/> is outside 1..M.</exception>
    public void Search(ReadOnlySpan<float> queries, int k, Span<int> indices, Span<float> similarities)
    {
        ObjectDisposedException.ThrowIf(panels == null, this);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(k, Count);
        int n = queries.Length / C;
        if (queries.Length != n * C)
        {
            throw new ArgumentException($"queries must be N x {C} floats; given {queries.Length} floats.", nameof(queries));
        }

        if (indices.Length != (long)n * k || similarities.Length != indices.Length)
        {
            throw new ArgumentException(
                $"indices and similarities must be {n} x {k}; given {indices.Length} and {similarities.Length} entries.");
        }

        ThrowIfNotFinite(queries, C, nameof(queries));
        fixed (float* source = queries, similarity = similarities)
        fixed (int* index = indices)
        {
            float* rows = source, cosines = similarity;
            int* neighbors = index;
            using var work = new WorkQueue(threads, (item, _) =>
            {
                int first = item * QueriesPerItem;
                SearchItem(
                    new ReadOnlySpan<float>(rows + ((long)first * C), Math.Min(QueriesPerItem, n - first) * C), k,
                    neighbors + ((long)first * k), cosines + ((long)first * k));
            });
            work.Run((n + QueriesPerItem - 1) / QueriesPerItem);
        }
    }

    /// <summary>Frees the bank.</summary>
    public void Dispose()
    {
        NativeMemory.AlignedFree(panels);
        panels = null;
        GC.SuppressFinalize(this);
    }

    private static void ThrowIfNotFinite(ReadOnlySpan<float> rows, int c, string name)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            if (!float.IsFinite(rows[i]))
            {
                throw new ArgumentException($"Row {i / c} has a value that is not finite ({rows[i]}).", name);
            }
        }
    }

    private static double InverseNorm(ReadOnlySpan<float> row)
    {
        double square = 0;
        foreach (float value in row)
        {
            square += (double)value * value;
        }

        return square == 0 ? 0 : 1 / Math.Sqrt(square);
    }

    private void Pack(float* rows, int panel)
    {
        float* target = panels + ((long)panel * PanelRows * C);
        for (int lane = 0; lane < PanelRows; lane++)
        {
            int row = (panel * PanelRows) + lane;
            bool exists = row < Count;
            float* source = rows + ((long)row * C);
            double scale = exists ? InverseNorm(new ReadOnlySpan<float>(source, C)) : 0;
            for (int c = 0; c < C; c++)
            {
                target[((long)c * PanelRows) + lane] = exists ? (float)(source[c] * scale) : 0;
            }
        }
    }

    // Panels stay in the cache while the item's queries pass over them, four at a time.
    private void SearchItem(ReadOnlySpan<float> queries, int k, int* indices, float* similarities)
    {
        int n = queries.Length / C, tiles = (n + QueryTile - 1) / QueryTile;
        var unit = new float[tiles * QueryTile * C]; // rows past N stay zero
        for (int row = 0; row < n; row++)
        {
            double scale = InverseNorm(queries.Slice(row * C, C));
            for (int c = 0; c < C; c++)
            {
                unit[(row * C) + c] = (float)(queries[(row * C) + c] * scale);
            }
        }

        var best = new BestMatches[n];
        for (int row = 0; row < n; row++)
        {
            best[row] = new BestMatches(k);
        }

        float* scores = stackalloc float[QueryTile * PanelRows];
        fixed (float* rows = unit)
        {
            for (int first = 0; first < Count; first += PanelRows)
            {
                float* panel = panels + ((long)first * C);
                int width = Math.Min(PanelRows, Count - first);
                for (int row = 0; row < n; row += QueryTile)
                {
                    Scores(rows + ((long)row * C), panel, C, scores);
                    for (int i = 0; i < Math.Min(QueryTile, n - row); i++)
                    {
                        best[row + i].Offer(scores + (i * PanelRows), first, width);
                    }
                }
            }
        }

        for (int row = 0; row < n; row++)
        {
            best[row].Write(new Span<int>(indices + ((long)row * k), k), new Span<float>(similarities + ((long)row * k), k));
        }
    }

    // scores: 4 x 64 = queries (4 x C) times panel (C x 64); sixteen accumulators.
    private static void Scores(float* queries, float* panel, int c, float* scores)
    {
        const int lanes = 16;
        float* q0 = queries, q1 = q0 + c, q2 = q1 + c, q3 = q2 + c;
        Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, b0 = default, b1 = default, b2 = default, b3 = default;
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        for (int i = 0; i < c; i++, panel += PanelRows)
        {
            Vector512<float> p0 = Vector512.Load(panel), p1 = Vector512.Load(panel + lanes);
            Vector512<float> p2 = Vector512.Load(panel + (2 * lanes)), p3 = Vector512.Load(panel + (3 * lanes));
            var q = Vector512.Create(q0[i]);
            a0 = Vector512.FusedMultiplyAdd(q, p0, a0);
            a1 = Vector512.FusedMultiplyAdd(q, p1, a1);
            a2 = Vector512.FusedMultiplyAdd(q, p2, a2);
            a3 = Vector512.FusedMultiplyAdd(q, p3, a3);
            q = Vector512.Create(q1[i]);
            b0 = Vector512.FusedMultiplyAdd(q, p0, b0);
            b1 = Vector512.FusedMultiplyAdd(q, p1, b1);
            b2 = Vector512.FusedMultiplyAdd(q, p2, b2);
            b3 = Vector512.FusedMultiplyAdd(q, p3, b3);
            q = Vector512.Create(q2[i]);
            c0 = Vector512.FusedMultiplyAdd(q, p0, c0);
            c1 = Vector512.FusedMultiplyAdd(q, p1, c1);
            c2 = Vector512.FusedMultiplyAdd(q, p2, c2);
            c3 = Vector512.FusedMultiplyAdd(q, p3, c3);
            q = Vector512.Create(q3[i]);
            d0 = Vector512.FusedMultiplyAdd(q, p0, d0);
            d1 = Vector512.FusedMultiplyAdd(q, p1, d1);
            d2 = Vector512.FusedMultiplyAdd(q, p2, d2);
            d3 = Vector512.FusedMultiplyAdd(q, p3, d3);
        }

        Store(a0, a1, a2, a3, scores);
        Store(b0, b1, b2, b3, scores + PanelRows);
        Store(c0, c1, c2, c3, scores + (2 * PanelRows));
        Store(d0, d1, d2, d3, scores + (3 * PanelRows));
    }

    private static void Store(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3, float* target)
    {
        v0.Store(target);
        v1.Store(target + 16);
        v2.Store(target + 32);
        v3.Store(target + 48);
    }
}
