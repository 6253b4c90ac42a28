using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The contrastive step on the device: embeddings, gradient and queue stay there; loss and statistics come to the host in one copy,
/// for which it waits only when they are read.
/// </summary>
internal sealed class CudaContrast : IContrast
{
    private readonly CudaDevice device;
    private readonly CudaContrastiveStep pass;
    private readonly DeviceMemory rows, keys, gradient, results; // results: seven arrays of N, and the loss
    private readonly FeatureQueue hostQueue;
    private readonly PinnedMemory hostResults;
    private readonly CudaEvent resultsCopied;
    private readonly int n;
    private int position;
    private bool isEnqueued; // since the last Read
    private CudaStepBuffers last;
    private (uint Step, bool Transform, int Position)? state; // what the device will have after all that its stream was given

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
        hostResults = new PinnedMemory(context, results.Bytes);
        resultsCopied = new CudaEvent(context);
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

    public Tensor Run(Tensor q, Tensor k, uint step, bool transform)
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
        if (state != (step, transform, position))
        {
            pass.SetState(step, transform, position, device.Stream);
            state = (step, transform, position);
        }

        pass.Run(last, n, device.Stream);
        results.CopyTo(hostResults, device.Stream);
        resultsCopied.Record(device.Stream);
        return device.FromFloat32(gradient.Address, n, hostQueue.C);
    }

    public void Enqueue()
    {
        pass.Enqueue(last, n, device.Stream);
        isEnqueued = true;
    }

    public FeatureQueue ReadQueue()
    {
        var bytes = new byte[rows.Bytes];
        rows.CopyTo<byte>(bytes, device.Stream);
        hostQueue.Restore(bytes, position);
        return hostQueue;
    }

    public void WriteQueue(FeatureQueue queue)
    {
        rows.CopyFrom(queue.Bytes, device.Stream);
        position = queue.Position;
    }

    public void Dispose()
    {
        device.Stream.Synchronize();
        foreach (DeviceMemory memory in new[] { rows, keys, gradient, results })
        {
            memory.Dispose();
        }

        hostResults.Dispose();
        resultsCopied.Dispose();
        pass.Dispose();
    }

    public float Read(RowStatistics statistics)
    {
        resultsCopied.Synchronize();
        float loss = hostResults.AsSpan<float>()[CudaStepBuffers.StatisticsArrays * n];
        if (isEnqueued)
        {
            // As the device does it.
            position = float.IsFinite(loss) ? (position + n) % hostQueue.K : position;
            state = state is { } before ? (before.Step + 1, before.Transform, position) : null;
            isEnqueued = false;
        }

        Array(0).CopyTo(statistics.Loss);
        Array(1).CopyTo(statistics.PositiveScore);
        Array(2).CopyTo(statistics.NegativeMean);
        Array(3).CopyTo(statistics.NegativeVariance);
        Array(4).CopyTo(statistics.PositiveExp);
        Array(5).CopyTo(statistics.NegativeExp);
        MemoryMarshal.Cast<float, int>(Array(6)).CopyTo(statistics.Rank);
        return loss;

        Span<float> Array(int index) => hostResults.AsSpan<float>().Slice(index * n, n);
    }
}
