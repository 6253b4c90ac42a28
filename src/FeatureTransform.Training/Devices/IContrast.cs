using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// InfoNCE with feature transformation over a queue of negatives (<see cref="ContrastiveStep"/>) where a device keeps its
/// tensors; the queue lies there too.
/// </summary>
internal interface IContrast : IDisposable
{
    /// <summary>What the step to come is. Not part of what <see cref="IDevice.Replay"/> repeats.</summary>
    /// <param name="step">Step number: with the seed it determines every lambda and the permutation.</param>
    /// <param name="transform">False: plain InfoNCE.</param>
    void Begin(uint step, bool transform);

    /// <summary>One pass over the queue. Does not wait for the device.</summary>
    /// <param name="q">Queries as the encoder gives them, N x C; stays the caller's.</param>
    /// <param name="k">Keys as the momentum encoder gives them, N x C; stays the caller's.</param>
    /// <returns>dL/dq of the mean loss, N x C in the device's precision; the caller's.</returns>
    Tensor Run(Tensor q, Tensor k);

    /// <summary>
    /// Replaces the oldest rows of the queue by the unit keys of the last <see cref="Run"/>, unless its loss is not finite. Does not
    /// wait for the device.
    /// </summary>
    void Enqueue();

    /// <summary>
    /// Ends a step of <see cref="Run"/> and <see cref="Enqueue"/>: its results can be read. Does not wait for the device. Not part of
    /// what <see cref="IDevice.Replay"/> repeats.
    /// </summary>
    /// <exception cref="InvalidOperationException">More than <see cref="IDevice.StepsAhead"/> steps have not been read.</exception>
    void Publish();

    /// <summary>The mean loss of the oldest step that was published and not read; waits for it.</summary>
    /// <param name="statistics">Receives the statistics of each row.</param>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    float Read(RowStatistics statistics);

    /// <summary>
    /// The statistics that the same rows have without the transformation; changes neither queue nor step. Waits for the device.
    /// </summary>
    void ReadPlain(Tensor q, Tensor k, RowStatistics statistics);

    /// <summary>The queue as it is now. It may be the live one: it is neither changed nor kept.</summary>
    FeatureQueue ReadQueue();

    /// <summary>Sets rows and position of the queue from one of the same shape and type.</summary>
    void WriteQueue(FeatureQueue queue);
}
