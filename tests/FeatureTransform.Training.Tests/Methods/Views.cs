using FeatureTransform.Training.Data;
using FeatureTransform.Training.Methods;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>Batches of views that a test made.</summary>
internal static class Views
{
    public static ViewBatch Of(int n, int size, float[] view1, float[] view2)
    {
        var batch = new ViewBatch(n, size);
        view1.CopyTo(batch.View1, 0);
        view2.CopyTo(batch.View2, 0);
        return batch;
    }

    /// <summary>A step whose loss is waited for.</summary>
    public static float StepAndRead(this MoCo moco, PairBatch batch, uint step, bool transform, float learningRate)
    {
        moco.Step(batch, step, transform, learningRate);
        return moco.Read();
    }
}
