using System.Globalization;
using FeatureTransform.Training.Evaluation;

namespace FeatureTransform.Training.Options;

/// <summary>
/// Checks options before any work. Each refusal is an <see cref="InvalidInputException"/> of one line: the option as the
/// command line names it, its value, what was expected, and what to do.
/// </summary>
public static class OptionsValidator
{
    private const float SmallestAlpha = 0.05f, LargestAlpha = 100;
    private const int SmallestImage = 8, LargestImage = 1024, LargestThreads = 1024, LargestBatch = 65536, LargestEpochs = 1_000_000, LargestQueue = 1 << 26;

    /// <summary>Checks everything that determines a run.</summary>
    /// <exception cref="InvalidInputException">A value is out of range, a name unknown, or two values contradict each other.</exception>
    public static void Validate(PretrainOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Validate(options.Data);
        Validate(options.Model);
        Validate(options.Method);
        Validate(options.Transform);
        Validate(options.Optimizer);
        Validate(options.Run);

        (int batch, int queue, int groups) =
            (options.Optimizer.BatchSize, options.Method.QueueSize, options.Method.BatchNormGroups);
        if (queue < batch)
        {
            throw new InvalidInputException(
                $"--queue-size {queue} is smaller than --batch {batch}: the queue holds at least one batch; raise --queue-size or lower --batch.");
        }

        if (batch % groups != 0 || batch / groups < 2)
        {
            throw new InvalidInputException(
                $"--bn-groups {groups} does not divide --batch {batch} into equal groups of at least 2 images; choose another of the two.");
        }
    }

    /// <summary>Checks where images come from.</summary>
    /// <exception cref="InvalidInputException">A value is out of range or a name unknown.</exception>
    public static void Validate(DataOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (string.IsNullOrWhiteSpace(options.Source))
        {
            throw new InvalidInputException("--data is empty: expected 'synthetic', or a folder or archive of images.");
        }

        if (options.ClassList is { } list && string.IsNullOrWhiteSpace(list))
        {
            throw new InvalidInputException("--classes is empty: expected a text file with one class name a line.");
        }

        InRange("--image-size", options.ImageSize, SmallestImage, LargestImage);
        AtLeast("--train-limit", options.TrainLimit, 0, "0 uses all images");
        OneOf("--augmentation", options.Augmentation, OptionNames.Augmentations);
    }

    /// <summary>Checks device, threads, checkpoints and the options of k-NN.</summary>
    /// <exception cref="InvalidInputException">A value is out of range or a name unknown.</exception>
    public static void Validate(RunOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        OneOf("--device", options.Device, OptionNames.Devices);
        AtLeast("--cuda-device", options.CudaDevice, 0, "0 is the driver's first");
        OneOf("--precision", options.Precision, OptionNames.Precisions);
        InRange("--threads", options.Threads, 0, LargestThreads, "0 uses one a core");
        AtLeast("--keep-checkpoints", options.KeepCheckpoints, 0, "0 writes none");
        AtLeast("--keep-every", options.KeepEveryEpochs, 0, "0 keeps none for good");
        AtLeast("--checkpoint-every", options.CheckpointEverySteps, 0, "0 writes them at epoch ends only");
        AtLeast("--knn-k", options.KnnNeighbors, 0, "0 leaves k-NN out");
        Positive("--knn-t", options.KnnTemperature);
        AtLeast("--knn-bank", options.KnnBank, 0, "0 uses all training images");
        AtLeast("--knn-test", options.KnnTest, 0, "0 uses all test images");
    }

    /// <summary>Checks the linear probe.</summary>
    /// <exception cref="InvalidInputException">A value is out of range or a name unknown.</exception>
    public static void Validate(LinearProbeOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        InRange("--epochs", options.Epochs, 1, LargestEpochs);
        InRange("--batch", options.BatchSize, 1, LargestBatch);
        foreach (float rate in options.LearningRates)
        {
            Positive("--lr", rate);
        }
    }

    private static void Validate(ModelOptions options)
    {
        OneOf("--arch", options.Architecture, OptionNames.Architectures);
        OneOf("--stem", options.Stem, OptionNames.Stems);
        if (!(options.Width >= 0.25f && options.Width <= 8 && options.Width * 4 % 1 == 0))
        {
            throw Refused("--width", options.Width, "a multiple of 0.25 from 0.25 to 8 (layers of 16, 32, ... channels)");
        }

        OneOf("--head", options.Head, OptionNames.Heads);
        InRange("--embedding", options.EmbeddingSize, 8, 4096);
    }

    private static void Validate(MethodOptions options)
    {
        OneOf("--method", options.Name, OptionNames.Methods);
        Positive("--tau", options.Tau);
        InRange("--queue-size", options.QueueSize, 2, LargestQueue);
        OneOf("--queue-type", options.QueueType, OptionNames.QueueTypes);
        BelowOne("--momentum-encoder", options.EncoderMomentum);
        AtLeast("--bn-groups", options.BatchNormGroups, 1, "1 is plain batch normalisation");
    }

    private static void Validate(TransformOptions options)
    {
        Defined("--pos", options.Positive, OptionNames.PositiveTransforms);
        InRange("--pos-alpha", options.PositiveAlpha, SmallestAlpha, LargestAlpha);
        Defined("--pos-scope", options.PositiveScope, OptionNames.Scopes);
        Defined("--neg", options.Negative, OptionNames.NegativeTransforms);
        InRange("--neg-alpha", options.NegativeAlpha, SmallestAlpha, LargestAlpha);
        Defined("--neg-scope", options.NegativeScope, OptionNames.Scopes);
        AtLeast(
            "--ft-begin-epoch", options.BeginEpoch, TransformOptions.Automatic,
            $"0 transforms from the start, {TransformOptions.Automatic} after {TransformOptions.SettlingSteps} steps");
    }

    private static void Validate(OptimizerOptions options)
    {
        InRange("--epochs", options.Epochs, 1, LargestEpochs);
        InRange("--batch", options.BatchSize, 2, LargestBatch);
        Positive("--lr", options.LearningRate);
        BelowOne("--sgd-momentum", options.Momentum);
        if (!(options.WeightDecay >= 0 && float.IsFinite(options.WeightDecay)))
        {
            throw Refused("--weight-decay", options.WeightDecay, "a finite number, 0 or above");
        }

        OneOf("--schedule", options.Schedule, OptionNames.Schedules);
        AtLeast("--warmup-steps", options.WarmupSteps, 0, "0 starts at the full learning rate");
    }

    // Comparisons are written so that NaN fails them.
    private static void InRange(string option, float value, float low, float high)
    {
        if (!(value >= low && value <= high))
        {
            throw Refused(option, value, $"a number from {Text(low)} to {Text(high)}");
        }
    }

    private static void InRange(string option, int value, int low, int high, string? hint = null)
    {
        if (value < low || value > high)
        {
            throw Refused(option, value, $"a whole number from {low} to {high}{(hint is null ? "" : $" ({hint})")}");
        }
    }

    private static void AtLeast(string option, int value, int low, string hint)
    {
        if (value < low)
        {
            throw Refused(option, value, $"a whole number, {low} or above ({hint})");
        }
    }

    private static void Positive(string option, float value)
    {
        if (!(value > 0 && float.IsFinite(value)))
        {
            throw Refused(option, value, "a finite number above 0");
        }
    }

    private static void BelowOne(string option, float value)
    {
        if (!(value >= 0 && value < 1))
        {
            throw Refused(option, value, "a number from 0 to below 1");
        }
    }

    private static void OneOf(string option, string value, IReadOnlyList<string> names)
    {
        if (!names.Contains(value))
        {
            throw new InvalidInputException($"{option} '{value}': expected {OptionNames.List(names)}.");
        }
    }

    private static void Defined<T>(string option, T value, IReadOnlyList<string> names)
        where T : struct, Enum
    {
        if (!Enum.IsDefined(value))
        {
            throw Refused(option, value, OptionNames.List(names));
        }
    }

    private static InvalidInputException Refused(string option, object value, string expected) =>
        new($"{option} {Text(value)}: expected {expected}.");

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
}
