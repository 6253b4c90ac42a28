using FeatureTransform.Training.Evaluation;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// A linear layer with softmax cross-entropy over the mean of a batch, trained by SGD with momentum from weights of 0: the loss is
/// convex.
/// </summary>
internal interface ISoftmaxRegression : IDisposable
{
    /// <summary>One step on images rows[begin..begin+size] of a set, whose features are finite.</summary>
    /// <param name="set">Features and labels.</param>
    /// <param name="rows">Rows of the set.</param>
    /// <param name="begin">The first of them.</param>
    /// <param name="size">How many, at most the batch that this was made for.</param>
    /// <param name="learningRate">w -= learning rate v.</param>
    /// <param name="momentum">v = momentum v + gradient.</param>
    void Step(FeatureSet set, int[] rows, int begin, int size, float learningRate, float momentum);

    /// <summary>The mean over the steps since the last call of the loss that each had before it; not finite once a step's was not. Waits for them.</summary>
    double TakeLoss();

    /// <summary>Counts the chosen images by their logits.</summary>
    ConfusionMatrix Score(FeatureSet set, int[] rows);

    /// <summary>Copies the weights, classes x (C + 1), each class's bias behind its channels.</summary>
    void Read(Span<float> weights);
}
