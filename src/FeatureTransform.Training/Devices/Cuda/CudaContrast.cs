using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The contrastive step on the device: embeddings, gradient and queue stay there; loss and statistics of each step come to the host in
/// one copy, for which it waits only when they are read. The device advances step number and ring position by itself.
/// </summary>
internal sealed class CudaContrast : IContrast
{
    private readonly CudaDevice device;
    private readonly CudaContrastiveStep pass;
    private readonly DeviceMemory rows, keys, gradient, results; // results: seven arrays of N, and the loss
    private readonly FeatureQueue hostQueue;
    private readonly Results[] published;
    private readonly int n;
    private CudaStepBuffers last;
    private int position; // of the ring, after the steps whose loss is known
    private long submitted, settled, read; // steps that were published, whose loss is known, that were read
    private (uint Step, bool Transform)? state; // what the device has for the step to come; null: what it had is of no use

    // Of one step, on the host.
    private sealed record Results(PinnedMemory Memory, CudaEvent Copied) : IDisposable
    {
        public void Dispose()
        {
            Memory.Dispose();
            Copied.Dispose();
        }
    }

    /// <param name="device">Where embeddings are.</param>
    /// <param name="context">Its context.</param>
    /// <param name="kernels">Its kernels.</param>
    /// <param name="options">Temperature and transformations.</param>
    /// <param name="queue">The negatives to begin with.</param>
    /// <param name="n">N, rows of each batch.</param>
    /// <param name="features">Type of embeddings.</param>
    /// <param name="precision">How the pass multiplies, where the tensor cores take so many channels.</param>
    /// <exception cref="CudaException">The device refuses.</exception>
    public CudaContrast(
        CudaDevice device, CudaContext context, KernelLibrary kernels, FeatureTransformOptions options, FeatureQueue queue, int n,
        ElementType features, CudaPrecision precision)
    {
        (this.device, this.n, hostQueue, position) = (device, n, queue, queue.Position);
        pass = new CudaContrastiveStep(options, ShapeOf(n, queue.C, queue.K, queue.Type, features, precision), context, kernels);
        rows = new DeviceMemory(context, queue.Bytes.Length);
        keys = new DeviceMemory(context, (long)n * queue.C * sizeof(float));
        gradient = new DeviceMemory(context, (long)n * queue.C * sizeof(float));
        results = new DeviceMemory(context, ((CudaStepBuffers.StatisticsArrays * n) + 1) * sizeof(float));
        published =
        [
            .. Enumerable.Range(0, device.StepsAhead + 1).Select(_ => new Results(new PinnedMemory(context, results.Bytes), new CudaEvent(context))),
        ];
        rows.CopyFrom(queue.Bytes, device.Stream);
    }

    /// <summary>The shape of the step's passes; in fp32 where the tensor cores do not take so many channels.</summary>
    public static CudaStepShape ShapeOf(int n, int c, int k, ElementType queue, ElementType features, CudaPrecision precision) => new(n, c, k)
    {
        Features = features,
        Queue = queue,
        Precision = c % 16 == 0 && c <= 256 ? precision : CudaPrecision.Float32,
    };

    /// <summary>Where the mean loss of the last pass lies.</summary>
    public ulong LossAddress => results.Address + (ulong)(CudaStepBuffers.StatisticsArrays * n * sizeof(float));

    public void Begin(uint step, bool transform)
    {
        if (state != (step, transform))
        {
            Settle(submitted);
            pass.SetState(step, transform, position, device.Stream);
            state = (step, transform);
        }
    }

    public Tensor Run(Tensor q, Tensor k)
    {
        Pass(q, k);
        return device.FromFloat32(gradient.Address, n, hostQueue.C);
    }

    public void Enqueue() => pass.Enqueue(last, n, device.Stream);

    public void Publish()
    {
        if (submitted - read == published.Length)
        {
            throw new InvalidOperationException($"The results of {published.Length} steps have not been read.");
        }

        Results slot = SlotOf(submitted);
        results.CopyTo(slot.Memory, device.Stream);
        slot.Copied.Record(device.Stream);
        submitted++;
        state = state is { } done ? (done.Step + 1, done.Transform) : null;
    }

    public float Read(RowStatistics statistics)
    {
        if (read == submitted)
        {
            throw new InvalidOperationException("There is no step whose results have not been read.");
        }

        Settle(read + 1);
        Results slot = SlotOf(read);
        CopyRows(slot, statistics);
        read++;
        return LossOf(slot);
    }

    public void ReadPlain(Tensor q, Tensor k, RowStatistics statistics)
    {
        (uint step, bool transform) = state ?? throw new InvalidOperationException("There is no step: begin one first.");
        Settle(submitted);
        pass.SetState(step, false, position, device.Stream);
        Pass(q, k);
        Results slot = SlotOf(submitted);
        results.CopyTo(slot.Memory, device.Stream);
        device.Stream.Synchronize();
        CopyRows(slot, statistics);
        pass.SetState(step, transform, position, device.Stream);
    }

    public FeatureQueue ReadQueue()
    {
        Settle(submitted);
        var bytes = new byte[rows.Bytes];
        rows.CopyTo<byte>(bytes, device.Stream);
        hostQueue.Restore(bytes, position);
        return hostQueue;
    }

    public void WriteQueue(FeatureQueue queue)
    {
        Settle(submitted);
        rows.CopyFrom(queue.Bytes, device.Stream);
        position = queue.Position;
        state = null;
    }

    public void Dispose()
    {
        device.Stream.Synchronize();
        foreach (DeviceMemory memory in new[] { rows, keys, gradient, results })
        {
            memory.Dispose();
        }

        foreach (Results slot in published)
        {
            slot.Dispose();
        }

        pass.Dispose();
    }

    private void Pass(Tensor q, Tensor k)
    {
        last = new CudaStepBuffers
        {
            QRaw = (ulong)q.Data,
            KRaw = (ulong)k.Data,
            Queue = rows.Address,
            DqRaw = gradient.Address,
            Keys = keys.Address,
            Loss = LossAddress,
            Statistics = results.Address,
        };
        pass.Run(last, n, device.Stream);
    }

    private Results SlotOf(long step) => published[step % published.Length];

    private float LossOf(Results slot) => slot.Memory.AsSpan<float>()[CudaStepBuffers.StatisticsArrays * n];

    // Waits for the first so many steps, and follows the ring as the device does: a step without a finite loss leaves it.
    private void Settle(long steps)
    {
        for (; settled < steps; settled++)
        {
            Results slot = SlotOf(settled);
            slot.Copied.Synchronize();
            position = float.IsFinite(LossOf(slot)) ? (position + n) % hostQueue.K : position;
        }
    }

    private void CopyRows(Results slot, RowStatistics statistics)
    {
        Array(0).CopyTo(statistics.Loss);
        Array(1).CopyTo(statistics.PositiveScore);
        Array(2).CopyTo(statistics.NegativeMean);
        Array(3).CopyTo(statistics.NegativeVariance);
        Array(4).CopyTo(statistics.PositiveExp);
        Array(5).CopyTo(statistics.NegativeExp);
        MemoryMarshal.Cast<float, int>(Array(6)).CopyTo(statistics.Rank);

        Span<float> Array(int index) => slot.Memory.AsSpan<float>().Slice(index * n, n);
    }
}
