using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>The search by kernels/knn.cu, with the bank's unit rows in device memory of its own.</summary>
internal sealed class CudaNeighbors : INeighborSearch
{
    private const int RowsAtOnce = 4096; // of the bank, on their way to unit rows

    private readonly CudaStream stream;
    private readonly Knn knn;
    private readonly int m, c, padded, most, parts, capacity;
    private readonly DeviceMemory bank, rows, unit, keys, counts, best, indices, cosines;

    /// <param name="kernels">Kernels of the device.</param>
    /// <param name="stream">Where the search runs; the caller's.</param>
    /// <param name="bank">M x C, finite.</param>
    /// <param name="c">C, channels.</param>
    /// <param name="most">Queries of one search at most.</param>
    /// <param name="k">Neighbours.</param>
    /// <exception cref="CudaException">There is not so much memory.</exception>
    public CudaNeighbors(KernelLibrary kernels, CudaStream stream, ReadOnlySpan<float> bank, int c, int most, int k)
    {
        (this.stream, this.c, this.most) = (stream, c, most);
        CudaContext context = stream.Context;
        knn = new Knn(kernels);
        (m, padded, capacity) = (bank.Length / c, Knn.Padded(c), Knn.Capacity(k));
        parts = Knn.Parts(most, m, context.Device.MultiprocessorCount);
        this.bank = new DeviceMemory(context, (long)m * padded * sizeof(float));
        rows = new DeviceMemory(context, (long)Math.Max(most, RowsAtOnce) * c * sizeof(float));
        unit = new DeviceMemory(context, (long)most * padded * sizeof(float));
        keys = new DeviceMemory(context, (long)parts * most * capacity * sizeof(ulong));
        counts = new DeviceMemory(context, (long)parts * most * sizeof(uint));
        best = new DeviceMemory(context, (long)most * k * sizeof(ulong));
        indices = new DeviceMemory(context, (long)most * k * sizeof(int));
        cosines = new DeviceMemory(context, (long)most * k * sizeof(float));
        for (int first = 0; first < m; first += RowsAtOnce)
        {
            int count = Math.Min(RowsAtOnce, m - first);
            Normalize(bank.Slice(first * c, count * c), this.bank.Address + (ulong)((long)first * padded * sizeof(float)));
        }
    }

    /// <summary>Bytes of device memory that such a search takes.</summary>
    public static long GetBytes(int m, int c, int most, int k, int multiprocessors)
    {
        long row = Knn.Padded(c) * (long)sizeof(float), parts = Knn.Parts(most, m, multiprocessors);
        return ((m + most) * row) + ((long)Math.Max(most, RowsAtOnce) * c * sizeof(float))
            + (most * ((parts * ((Knn.Capacity(k) * sizeof(ulong)) + sizeof(uint))) + (k * (long)(sizeof(ulong) + sizeof(int) + sizeof(float)))));
    }

    public void Search(ReadOnlySpan<float> queries, int k, Span<int> indices, Span<float> cosines)
    {
        int n = queries.Length / c;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(n, most, nameof(queries));
        Normalize(queries, unit.Address);
        knn.Search(stream, parts, new KnnSearchArgs
        {
            Queries = unit.Address,
            Bank = bank.Address,
            Keys = keys.Address,
            Counts = counts.Address,
            N = (uint)n,
            M = (uint)m,
            Padded = (uint)padded,
            K = (uint)k,
            Capacity = (uint)capacity,
        });
        knn.Vote(stream, new KnnVoteArgs // without labels: the parts' lists joined and in order
        {
            Keys = keys.Address,
            Counts = counts.Address,
            Best = best.Address,
            Indices = this.indices.Address,
            Similarities = this.cosines.Address,
            N = (uint)n,
            K = (uint)k,
            Capacity = (uint)capacity,
            Parts = (uint)parts,
        });
        DeviceCopies.Download(stream, this.indices.Address, indices);
        DeviceCopies.Download(stream, this.cosines.Address, cosines);
    }

    public void Dispose()
    {
        stream.Synchronize();
        foreach (DeviceMemory memory in new[] { bank, rows, unit, keys, counts, best, indices, cosines })
        {
            memory.Dispose();
        }
    }

    private void Normalize(ReadOnlySpan<float> values, ulong target)
    {
        DeviceCopies.Upload(stream, values, rows.Address);
        knn.Normalize(stream, new KnnNormalizeArgs
        {
            Rows = rows.Address,
            Unit = target,
            Stride = (ulong)c,
            Count = (uint)(values.Length / c),
            C = (uint)c,
            Padded = (uint)padded,
        });
    }
}
