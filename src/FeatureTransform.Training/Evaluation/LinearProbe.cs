using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Training.Evaluation;

/// <summary>
/// Linear evaluation: a linear classifier on frozen features, those of the unaugmented images, computed once, or those of new
/// random views each epoch. Of several learning rates one is chosen on images held out of the training set; then the classifier
/// is trained anew on all of it and tested.
/// </summary>
internal static class LinearProbe
{
    private const string Name = "linear probe", FeatureStage = "features";
    private const float Momentum = 0.9f;

    /// <summary>Extracts the features of all images and evaluates them; the classifier is trained on a device, or on the CPU.</summary>
    /// <exception cref="InvalidInputException">The images or the options cannot be used, or training diverged.</exception>
    public static LinearProbeResult Run(
        ImageSplits splits, FeatureExtractor extractor, LinearProbeOptions options, IDevice? device, IProgressReport report,
        CancellationToken cancellation)
    {
        IImageSet testImages = LabelledSplits.RequireTest(splits, Name);
        var progress = new StageProgress(report, FeatureStage, (long)splits.Train.Count + testImages.Count);
        FeatureSet train = extractor.Extract(splits.Train, All(splits.Train.Count), progress, cancellation);
        FeatureSet test = extractor.Extract(testImages, All(testImages.Count), progress, cancellation);
        var views = new RandomViews(AugmentationRecipe.CropAndFlip, extractor.Size, options.Seed);
        return Evaluate(train, test, splits.Train.Classes.Count, options, device, report, cancellation, options.Augment ? Augmented : null);

        FeatureSet Augmented(int epoch, StageProgress images) =>
            extractor.Extract(splits.Train, All(splits.Train.Count), images, cancellation, views.Of(epoch));
    }

    /// <summary>
    /// Trains on given features, or on those that <paramref name="augmented"/> gives of the same images for an epoch, and tests;
    /// all must be finite.
    /// </summary>
    /// <exception cref="InvalidInputException">The options cannot be used, or training diverged.</exception>
    public static LinearProbeResult Evaluate(
        FeatureSet train, FeatureSet test, int classes, LinearProbeOptions options, IDevice? device, IProgressReport report,
        CancellationToken cancellation, Func<int, StageProgress, FeatureSet>? augmented = null)
    {
        Validate(options, train.Count);
        int choices = options.LearningRates.Count;
        long trainings = choices > 1 ? choices + 1 : 1;
        var progress = new StageProgress(report, Name, trainings * options.Epochs * train.Count);
        Func<int, FeatureSet> features = augmented is null ? Cached : epoch => augmented(epoch, progress);
        (float rate, double? heldOutTop1) = choices > 1
            ? Choose(train, features, classes, options, device, cancellation)
            : (options.LearningRates[0], null);
        using ISoftmaxRegression? model = Train(train, features, All(train.Count), classes, options, device, rate, cancellation);
        if (model is null)
        {
            throw new InvalidInputException(
                $"The linear probe diverged with learning rate {rate}: give smaller ones, or standardise the features.");
        }

        ConfusionMatrix confusion = model.Score(test, All(test.Count));
        return new LinearProbeResult(confusion.Top1, confusion.Top5, rate, heldOutTop1, train.Count, test.Count, confusion);

        FeatureSet Cached(int epoch)
        {
            progress.Advance(train.Count);
            return train;
        }
    }

    private static (float Rate, double? Top1) Choose(
        FeatureSet train, Func<int, FeatureSet> features, int classes, LinearProbeOptions options, IDevice? device,
        CancellationToken cancellation)
    {
        int[] shuffled = RandomSubset.Shuffle(train.Count, options.Seed, RandomSubset.Purpose.HeldOut);
        int heldOut = Math.Clamp((int)Math.Round(options.HeldOut * train.Count), 1, train.Count - 1);
        (float Rate, double Top1) best = (options.LearningRates[0], -1);
        foreach (float rate in options.LearningRates)
        {
            using ISoftmaxRegression? model = Train(train, features, shuffled[heldOut..], classes, options, device, rate, cancellation);
            double top1 = model is null ? 0 : model.Score(train, shuffled[..heldOut]).Top1;
            best = top1 > best.Top1 ? (rate, top1) : best;
        }

        return best;
    }

    /// <summary>Trains on <paramref name="features"/> of each epoch; null where the loss was not finite.</summary>
    private static ISoftmaxRegression? Train(
        FeatureSet train, Func<int, FeatureSet> features, int[] rows, int classes, LinearProbeOptions options, IDevice? device, float rate,
        CancellationToken cancellation)
    {
        int steps = (rows.Length + options.BatchSize - 1) / options.BatchSize;
        var schedule = new LearningRateSchedule(
            new OptimizerOptions { LearningRate = rate, Epochs = options.Epochs, Schedule = "step", WarmupSteps = 0 }, steps);
        Standardization standardization =
            options.Standardize ? Standardization.Of(train, rows) : Standardization.Identity(train.C);
        ISoftmaxRegression model = device?.CreateSoftmaxRegression(standardization, classes, options.BatchSize)
            ?? new CpuSoftmaxRegression(standardization, classes, options.BatchSize, options.Threads);
        bool finite = true;
        for (int epoch = 0; epoch < options.Epochs && finite; epoch++)
        {
            if (cancellation.IsCancellationRequested)
            {
                model.Dispose();
                cancellation.ThrowIfCancellationRequested();
            }

            FeatureSet epochFeatures = features(epoch);
            int[] order = [.. RandomSubset.Shuffle(rows.Length, options.Seed, RandomSubset.Purpose.ProbeOrder, epoch).Select(i => rows[i])];
            for (int step = 0; step < steps; step++)
            {
                int first = step * options.BatchSize, count = Math.Min(options.BatchSize, rows.Length - first);
                model.Step(epochFeatures, order, first, count, schedule.At(((long)epoch * steps) + step), Momentum);
            }

            finite = double.IsFinite(model.TakeLoss());
        }

        if (finite)
        {
            return model;
        }

        model.Dispose();
        return null;
    }

    private static int[] All(int count) => [.. Enumerable.Range(0, count)];

    private static void Validate(LinearProbeOptions options, int train)
    {
        if (options.LearningRates.Count == 0 || options.LearningRates.Any(rate => !(rate > 0) || !float.IsFinite(rate)))
        {
            throw new InvalidInputException(
                $"The linear probe's learning rates are '{string.Join(", ", options.LearningRates)}': expected numbers above 0.");
        }

        if (options.Epochs < 1 || options.BatchSize < 1)
        {
            throw new InvalidInputException(
                $"The linear probe has {options.Epochs} epochs of batches of {options.BatchSize}: expected at least 1 of both.");
        }

        if (options.LearningRates.Count > 1 && (!(options.HeldOut > 0) || options.HeldOut >= 1 || train < 2))
        {
            throw new InvalidInputException(
                $"The linear probe cannot choose a learning rate on a share of {options.HeldOut} of {train} training images: " +
                "expected a share between 0 and 1 of at least 2, or give a single learning rate.");
        }
    }
}
