using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// InfoNCE with feature transformation over a queue of negatives (<see cref="ContrastiveStep"/>) where a device keeps its
/// tensors; the queue lies there too.
/// </summary>
internal interface IContrast : IDisposable
{
    /// <summary>One pass over the queue.</summary>
    /// <param name="q">Queries as the encoder gives them, N x C; stays the caller's.</param>
    /// <param name="k">Keys as the momentum encoder gives them, N x C; stays the caller's.</param>
    /// <param name="step">Step number: with the seed it determines every lambda and the permutation.</param>
    /// <param name="transform">False: plain InfoNCE.</param>
    /// <param name="statistics">Receives the statistics of each row.</param>
    /// <param name="gradient">dL/dq of the mean loss, N x C in the device's precision; the caller's.</param>
    /// <returns>The mean loss.</returns>
    float Run(Tensor q, Tensor k, uint step, bool transform, RowStatistics statistics, out Tensor gradient);

    /// <summary>Replaces the oldest rows of the queue by the unit keys of the last <see cref="Run"/>.</summary>
    void Enqueue();

    /// <summary>The queue as it is now. It may be the live one: it is neither changed nor kept.</summary>
    FeatureQueue ReadQueue();

    /// <summary>Sets rows and position of the queue from one of the same shape and type.</summary>
    void WriteQueue(FeatureQueue queue);
}
