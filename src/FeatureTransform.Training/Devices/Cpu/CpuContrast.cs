using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>The contrastive step in host memory: embeddings are taken as fp32.</summary>
internal sealed class CpuContrast : IContrast
{
    private readonly CpuDevice device;
    private readonly FeatureQueue queue;
    private readonly ContrastiveStep step;
    private readonly float[] qRaw, kRaw, keys, dqRaw;
    private readonly RowStatistics rows;
    private float loss;

    public CpuContrast(CpuDevice device, FeatureTransformOptions options, FeatureQueue queue, int n)
    {
        (this.device, this.queue) = (device, queue);
        step = new ContrastiveStep(options, n, queue.C, device.Threads);
        rows = new RowStatistics(n);
        int count = n * queue.C;
        (qRaw, kRaw, keys, dqRaw) = (new float[count], new float[count], new float[count], new float[count]);
    }

    /// <summary>Whether the loss of the last pass is a finite number.</summary>
    public bool IsFinite => float.IsFinite(loss);

    public Tensor Run(Tensor q, Tensor k, uint step, bool transform)
    {
        device.Download(q, qRaw);
        device.Download(k, kRaw);
        loss = this.step.Run(qRaw, kRaw, queue, step, transform, dqRaw, keys, rows);
        return device.Upload(dqRaw, q.N, q.C);
    }

    public void Enqueue()
    {
        if (IsFinite)
        {
            queue.Enqueue(keys);
        }
    }

    public float Read(RowStatistics statistics)
    {
        rows.Loss.CopyTo(statistics.Loss, 0);
        rows.PositiveScore.CopyTo(statistics.PositiveScore, 0);
        rows.NegativeMean.CopyTo(statistics.NegativeMean, 0);
        rows.NegativeVariance.CopyTo(statistics.NegativeVariance, 0);
        rows.PositiveExp.CopyTo(statistics.PositiveExp, 0);
        rows.NegativeExp.CopyTo(statistics.NegativeExp, 0);
        rows.Rank.CopyTo(statistics.Rank, 0);
        return loss;
    }

    public FeatureQueue ReadQueue() => queue;

    public void WriteQueue(FeatureQueue queue)
    {
        if (queue != this.queue)
        {
            this.queue.Restore(queue.Bytes, queue.Position);
        }
    }

    public void Dispose() => step.Dispose();
}
