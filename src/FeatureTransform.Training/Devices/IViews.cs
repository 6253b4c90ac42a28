using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Devices;

/// <summary>The two views of a step's images on a device.</summary>
internal interface IViews : IDisposable
{
    /// <summary>
    /// A batch to be filled, in the form that is best here: views, or images of which the device makes views. Lasts as long as this.
    /// </summary>
    PairBatch CreateBatch();

    /// <summary>
    /// Takes the batch of the step to come, which may be changed once the next one is loaded. Does not wait for the steps before. Not
    /// part of what <see cref="IDevice.Replay"/> repeats.
    /// </summary>
    /// <param name="batch">N images: views, or what <see cref="CreateBatch"/> gives.</param>
    /// <param name="order">Which image of the batch is at each place of the second view; empty: each at its own.</param>
    void Load(PairBatch batch, ReadOnlySpan<int> order);

    /// <summary>A view of the loaded batch: N x S x S x 3, normalised, in the device's precision; the caller's.</summary>
    /// <param name="view">0 or 1.</param>
    Tensor Get(int view);

    /// <summary>A matrix of the second view's rows, N x C, in the order of the batch; the caller's, as <paramref name="rows"/> stays.</summary>
    Tensor InBatchOrder(Tensor rows);
}
