using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Evaluation;

/// <summary>Which encoder to evaluate on which images.</summary>
/// <param name="Source">Run folder, checkpoint, or safetensors file with torchvision's names.</param>
/// <param name="Data">Images; null: those of the run.</param>
/// <param name="Run">Device, threads, seed, and the options of k-NN.</param>
public sealed record EvaluationRequest(string Source, DataOptions? Data, RunOptions Run);

/// <summary>The linear probe.</summary>
public sealed record LinearOptions
{
    /// <summary>Epochs over the training features.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>Rows a step.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>Learning rates to try; the best on a held-out part of the training set is used.</summary>
    public IReadOnlyList<float> LearningRates { get; init; } = [0.1f, 0.3f, 1, 3, 10, 30];

    /// <summary><c>step</c> (a tenth at 60 % and again at 80 %) or <c>cosine</c>.</summary>
    public string Schedule { get; init; } = "step";
}

/// <summary>Accuracy of the linear probe, in percent; Confusion[t][p] counts test images of class t told to be p.</summary>
public sealed record LinearResult(double Top1, double Top5, double LearningRate, int[][] Confusion, string[] Classes);

/// <summary>Evaluation of a frozen encoder.</summary>
public static class Evaluator
{
    /// <summary>Weighted k-NN on the encoder's features.</summary>
    public static KnnResult Knn(EvaluationRequest request, IProgressReport progress, CancellationToken stop) =>
        throw new InvalidInputException("k-NN evaluation is not there yet.");

    /// <summary>Linear probe on the encoder's features.</summary>
    public static LinearResult Linear(
        EvaluationRequest request, LinearOptions options, IProgressReport progress, CancellationToken stop) =>
        throw new InvalidInputException("Linear evaluation is not there yet.");
}
