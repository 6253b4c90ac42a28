namespace FeatureTransform.Training.Data;

/// <summary>The two views of the images of a step, made by the CPU.</summary>
/// <param name="batchSize">N, images of a batch.</param>
/// <param name="size">S, width and height of a view in pixels.</param>
internal sealed class ViewBatch(int batchSize, int size) : PairBatch(batchSize)
{
    private readonly int length = size * size * 3;

    /// <summary>The queries: N x S x S x 3, normalised.</summary>
    public float[] View1 { get; } = GC.AllocateUninitializedArray<float>(batchSize * size * size * 3);

    /// <summary>The keys: N x S x S x 3, normalised.</summary>
    public float[] View2 { get; } = GC.AllocateUninitializedArray<float>(batchSize * size * size * 3);

    /// <inheritdoc/>
    public override void Add(Augmenter augmenter, in RgbImage image, int i)
    {
        augmenter.Apply(image, Epoch, Indices[i], 0, View1.AsSpan(i * length, length));
        augmenter.Apply(image, Epoch, Indices[i], 1, View2.AsSpan(i * length, length));
    }
}
