using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Training.Evaluation;

/// <summary>Which encoder to evaluate on which images.</summary>
/// <param name="Source">Run folder, checkpoint, or safetensors file with torchvision's names.</param>
/// <param name="Data">Images; null: those of the run that made the encoder.</param>
/// <param name="Run">Device, threads, seed, and the options of k-NN.</param>
public sealed record EvaluationRequest(string Source, DataOptions? Data, RunOptions Run)
{
    /// <summary>Whether a message at the end tells registers and memory of each kernel of a CUDA device.</summary>
    public bool ReportKernels { get; init; }
}

/// <summary>Evaluation of a frozen encoder.</summary>
public static class Evaluator
{
    /// <summary>Weighted k-NN on the encoder's features.</summary>
    /// <exception cref="InvalidInputException">Encoder or images cannot be used.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was asked for.</exception>
    public static KnnResult Knn(EvaluationRequest request, IProgressReport progress, CancellationToken stop) =>
        Evaluate(request, progress, (images, extractor, device) => KnnEvaluation.Run(
            images,
            extractor,
            new KnnOptions
            {
                Neighbors = request.Run.KnnNeighbors,
                Temperature = request.Run.KnnTemperature,
                Bank = request.Run.KnnBank,
                Test = request.Run.KnnTest,
                Seed = request.Run.Seed,
                Threads = request.Run.Threads,
            },
            device,
            progress,
            stop));

    /// <summary>A linear classifier on the encoder's features, and the names of the classes.</summary>
    /// <exception cref="InvalidInputException">Encoder or images cannot be used.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> was asked for.</exception>
    public static (LinearProbeResult Result, IReadOnlyList<string> Classes) Linear(
        EvaluationRequest request, LinearProbeOptions options, IProgressReport progress, CancellationToken stop) =>
        Evaluate(request, progress, (images, extractor, device) =>
            (LinearProbe.Run(
                images, extractor, options with { Seed = request.Run.Seed, Threads = request.Run.Threads }, device, progress, stop),
                images.Train.Classes));

    private static T Evaluate<T>(
        EvaluationRequest request, IProgressReport progress, Func<ImageSplits, FeatureExtractor, IDevice, T> evaluate)
    {
        using IDevice device = DeviceSelector.Open(request.Run, progress.Message, request.ReportKernels);
        using LoadedEncoder loaded = EncoderFile.Load(device, request.Source, progress);
        DataOptions data = request.Data ?? loaded.Options?.Data ?? throw new InvalidInputException(
            $"{loaded.Origin} does not say which images it belongs to: name them with --data.");
        using ImageSplits images = ImageSource.Open(data, request.Run.Seed, progress);
        return evaluate(images, FeatureExtractor.Of(loaded.Encoder, data.ImageSize), device);
    }
}
