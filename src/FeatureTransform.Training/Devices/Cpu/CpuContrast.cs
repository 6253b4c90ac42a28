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
    private uint number;
    private bool isTransformed, isPublished;
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

    public void Begin(uint step, bool transform) => (number, isTransformed) = (step, transform);

    public Tensor Run(Tensor q, Tensor k)
    {
        Pass(q, k, isTransformed);
        return device.Upload(dqRaw, q.N, q.C);
    }

    public void ReadPlain(Tensor q, Tensor k, RowStatistics statistics)
    {
        Pass(q, k, transform: false);
        CopyRows(statistics);
    }

    public void Enqueue()
    {
        if (IsFinite)
        {
            queue.Enqueue(keys);
        }
    }

    public void Publish() => isPublished = isPublished
        ? throw new InvalidOperationException("The results of the step before have not been read.")
        : true;

    public float Read(RowStatistics statistics)
    {
        isPublished = isPublished ? false : throw new InvalidOperationException("There is no step whose results have not been read.");
        CopyRows(statistics);
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

    private void Pass(Tensor q, Tensor k, bool transform)
    {
        device.Download(q, qRaw);
        device.Download(k, kRaw);
        loss = step.Run(qRaw, kRaw, queue, number, transform, dqRaw, keys, rows);
    }

    private void CopyRows(RowStatistics statistics)
    {
        rows.Loss.CopyTo(statistics.Loss, 0);
        rows.PositiveScore.CopyTo(statistics.PositiveScore, 0);
        rows.NegativeMean.CopyTo(statistics.NegativeMean, 0);
        rows.NegativeVariance.CopyTo(statistics.NegativeVariance, 0);
        rows.PositiveExp.CopyTo(statistics.PositiveExp, 0);
        rows.NegativeExp.CopyTo(statistics.NegativeExp, 0);
        rows.Rank.CopyTo(statistics.Rank, 0);
    }
}
