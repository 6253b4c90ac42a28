using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Devices;

/// <summary>Views that the CPU has made, for a device that is done with a step when its last call returns.</summary>
/// <param name="device">Where they go.</param>
/// <param name="n">N, images of a batch.</param>
/// <param name="size">S, width and height of a view in pixels.</param>
internal sealed class HostViews(IDevice device, int n, int size) : IViews
{
    private readonly int length = size * size * 3;
    private float[] reordered = [];
    private int[] order = [];
    private ViewBatch? loaded;

    public PairBatch CreateBatch() => new ViewBatch(n, size);

    public void Load(PairBatch batch, ReadOnlySpan<int> order)
    {
        loaded = (ViewBatch)batch;
        if (this.order.Length != order.Length)
        {
            (this.order, reordered) = (new int[order.Length], new float[(long)order.Length * length]);
        }

        order.CopyTo(this.order);
    }

    public Tensor Get(int view)
    {
        ViewBatch batch = loaded ?? throw new InvalidOperationException("There is no batch: load one first.");
        if (view == 0 || order.Length == 0)
        {
            return device.Images(view == 0 ? batch.View1 : batch.View2, n, size);
        }

        for (int i = 0; i < n; i++)
        {
            batch.View2.AsSpan(order[i] * length, length).CopyTo(reordered.AsSpan(i * length));
        }

        return device.Images(reordered, n, size);
    }

    public Tensor InBatchOrder(Tensor rows) => device.ScatterRows(rows, order);

    public void Dispose() => loaded = null;
}
