using System.Runtime.ExceptionServices;

namespace FeatureTransform.Training.Data;

/// <summary>The two views of the images of one step. Belongs to a <see cref="PairLoader"/>, which fills it anew after its return.</summary>
internal sealed class PairBatch
{
    internal PairBatch(int batchSize, int size)
    {
        ViewLength = size * size * 3;
        View1 = GC.AllocateUninitializedArray<float>(batchSize * ViewLength);
        View2 = GC.AllocateUninitializedArray<float>(batchSize * ViewLength);
        Indices = new int[batchSize];
    }

    /// <summary>The queries: N x S x S x 3.</summary>
    public float[] View1 { get; }

    /// <summary>The keys: N x S x S x 3.</summary>
    public float[] View2 { get; }

    /// <summary>Index of each image in its set.</summary>
    public int[] Indices { get; }

    /// <summary>Epoch of the step, from 0.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Step, from 0 over all epochs.</summary>
    public long Step { get; internal set; }

    /// <summary>S x S x 3.</summary>
    internal int ViewLength { get; }

    /// <summary>Slices that are not done yet.</summary>
    internal int SlicesLeft { get; set; }

    /// <summary>What went wrong with one of the images.</summary>
    internal ExceptionDispatchInfo? Failure { get; set; }
}
