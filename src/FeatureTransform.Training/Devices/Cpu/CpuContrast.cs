using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>The contrastive step in host memory: embeddings are taken as fp32.</summary>
internal sealed class CpuContrast : IContrast
{
    private readonly CpuDevice device;
    private readonly FeatureQueue queue;
    private readonly ContrastiveStep step;
    private readonly float[] qRaw, kRaw, keys, dqRaw;

    public CpuContrast(CpuDevice device, FeatureTransformOptions options, FeatureQueue queue, int n)
    {
        (this.device, this.queue) = (device, queue);
        step = new ContrastiveStep(options, n, queue.C, device.Threads);
        int count = n * queue.C;
        (qRaw, kRaw, keys, dqRaw) = (new float[count], new float[count], new float[count], new float[count]);
    }

    public float Run(Tensor q, Tensor k, uint step, bool transform, RowStatistics statistics, out Tensor gradient)
    {
        device.Download(q, qRaw);
        device.Download(k, kRaw);
        float loss = this.step.Run(qRaw, kRaw, queue, step, transform, dqRaw, keys, statistics);
        gradient = device.Upload(dqRaw, q.N, q.C);
        return loss;
    }

    public void Enqueue() => queue.Enqueue(keys);

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
