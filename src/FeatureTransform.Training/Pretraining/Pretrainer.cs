using System.Diagnostics;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Training.Pretraining;

/// <summary>What to pretrain and where to keep it.</summary>
/// <param name="Options">All that determines the run.</param>
/// <param name="OutputFolder">Run folder; null: a new one under <c>runs/</c>.</param>
/// <param name="Resume">Continue from the newest good checkpoint of <paramref name="OutputFolder"/>.</param>
public sealed record PretrainRequest(PretrainOptions Options, string? OutputFolder, bool Resume)
{
    /// <summary>Steps to write to <see cref="DumpFile"/>; 0: none.</summary>
    public int DumpSteps { get; init; }

    /// <summary>Safetensors file of the dumped steps.</summary>
    public string? DumpFile { get; init; }

    /// <summary>Whether a linear probe ends the run.</summary>
    public bool LinearProbe { get; init; } = true;

    /// <summary>Whether a message at the end tells registers and memory of each kernel of a CUDA device.</summary>
    public bool ReportKernels { get; init; }
}

/// <summary>What a pretraining run reached; accuracies in percent, null where not measured.</summary>
/// <param name="Folder">Run folder.</param>
/// <param name="Finished">False where the run was stopped; it can be resumed.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="KnnTop1">k-NN accuracy of the pretrained encoder.</param>
/// <param name="KnnTop1Pixels">k-NN accuracy on the pixels themselves.</param>
/// <param name="KnnTop1Untrained">k-NN accuracy of the encoder before training.</param>
/// <param name="LinearTop1">Accuracy of the linear probe.</param>
/// <param name="Seconds">Wall seconds of training in this process, evaluation not counted.</param>
/// <param name="PairsPerSecond">Pairs trained in a second of it.</param>
/// <param name="TransformNote">What the feature transformation changed, in a sentence.</param>
public sealed record PretrainResult(
    string Folder, bool Finished, long Steps, double? KnnTop1, double? KnnTop1Pixels, double? KnnTop1Untrained,
    double? LinearTop1, double Seconds, double PairsPerSecond, string TransformNote);

/// <summary>Pretraining, from options to a run folder.</summary>
public static class Pretrainer
{
    /// <summary>Runs a pretraining, or resumes one.</summary>
    /// <param name="request">What to pretrain.</param>
    /// <param name="progress">Who watches.</param>
    /// <param name="stop">Asks the run to save a checkpoint and end after the step at hand.</param>
    /// <exception cref="InvalidInputException">The request cannot be met, or the loss is no longer finite.</exception>
    public static PretrainResult Run(PretrainRequest request, IPretrainProgress progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(progress);
        PretrainOptions options = request.Options;
        OptionsValidator.Validate(options);
        long began = Stopwatch.GetTimestamp();

        // Nothing is written before the device and the images are there.
        using IDevice device = DeviceSelector.Open(options.Run, progress.Message, request.ReportKernels);
        using ImageSplits images = ImageSource.Open(options.Data, options.Run.Seed, progress);
        if (options.Optimizer.BatchSize > images.Pretraining.Count)
        {
            throw new InvalidInputException(
                $"A batch of {options.Optimizer.BatchSize} is larger than the training set of {images.Pretraining.Count} images: " +
                $"choose --batch {images.Pretraining.Count} or less.");
        }

        using RunFolder folder = OpenFolder(request);
        using var loop = new PretrainLoop(request, device, images, folder, progress, began);
        return loop.Run(stop);
    }

    private static RunFolder OpenFolder(PretrainRequest request)
    {
        if (!request.Resume)
        {
            return RunFolder.Create(request.OutputFolder ?? RunFolder.DefaultPath(request.Options, DateTime.Now), request.Options);
        }

        RunFolder folder = RunFolder.Open(
            request.OutputFolder ?? throw new InvalidInputException("There is no run to resume: name its folder with --resume."));
        try
        {
            RunConfig.RequireSame(folder.Options, request.Options);
            return folder;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }
}
