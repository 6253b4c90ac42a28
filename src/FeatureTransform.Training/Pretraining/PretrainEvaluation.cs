using System.Globalization;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Pretraining;

/// <summary>
/// The accuracies that a run reports of itself: of its encoder after each epoch, and of what it has to beat. All are null
/// where the images have no labels or no test part, or where k-NN is off.
/// </summary>
internal sealed class PretrainEvaluation(PretrainOptions options, IDevice device, ImageSplits images, IProgressReport progress)
{
    private const int PixelSize = 32; // larger images are scaled down before their pixels are compared

    private readonly KnnOptions knn = new()
    {
        Neighbors = Math.Min(options.Run.KnnNeighbors, Smaller(options.Run.KnnBank, images.Train.Count)),
        Temperature = options.Run.KnnTemperature,
        Bank = options.Run.KnnBank,
        Test = options.Run.KnnTest,
        Seed = options.Run.Seed,
        Threads = options.Run.Threads,
    };

    private bool HasLabels => images.Train.Classes.Count >= 2 && images.Test is { Count: > 0 };

    /// <summary>k-NN top-1 in percent of an encoder's features.</summary>
    public float? Knn(Encoder encoder, CancellationToken stop) => Score(FeatureExtractor.Of(encoder, options.Data.ImageSize), stop);

    /// <summary>k-NN top-1 in percent of the pixels themselves, once measured.</summary>
    public float? Pixels { get; private set; }

    /// <summary>k-NN top-1 in percent of the encoder as it was initialised, once measured.</summary>
    public float? Untrained { get; private set; }

    /// <summary>Measures what the encoder has to beat and tells it, once.</summary>
    public void MeasureBaseline(CancellationToken stop)
    {
        if (Untrained is not null || !HasLabels || knn.Neighbors == 0)
        {
            return;
        }

        Pixels = Score(FeatureExtractor.Pixels(Math.Min(PixelSize, options.Data.ImageSize)), stop);
        using var encoder = new Encoder(device, options.Model, trained: false);
        Initialization.Fill(encoder.Store, options.Run.Seed);
        Untrained = Knn(encoder, stop);
        if (Untrained is not null)
        {
            progress.Message(string.Create(
                CultureInfo.InvariantCulture, $"To compare: k-NN {Pixels:F1} % on raw pixels, {Untrained:F1} % by the untrained encoder"));
        }
    }

    /// <summary>Linear-probe top-1 in percent.</summary>
    public float? Linear(Encoder encoder, CancellationToken stop)
    {
        if (!HasLabels)
        {
            return null;
        }

        var probe = new LinearProbeOptions { Seed = options.Run.Seed, Threads = options.Run.Threads };
        return (float)LinearProbe.Run(images, FeatureExtractor.Of(encoder, options.Data.ImageSize), probe, device, progress, stop).Top1;
    }

    private static int Smaller(int limit, int count) => limit == 0 ? count : Math.Min(limit, count);

    // A run that is asked to stop skips what is left of an evaluation.
    private float? Score(FeatureExtractor extractor, CancellationToken stop)
    {
        if (!HasLabels || knn.Neighbors == 0 || stop.IsCancellationRequested)
        {
            return null;
        }

        try
        {
            return (float)KnnEvaluation.Run(images, extractor, knn, device, progress, stop).Top1;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}
