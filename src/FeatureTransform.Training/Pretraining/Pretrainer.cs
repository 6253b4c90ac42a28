using FeatureTransform.Training.Options;

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
}

/// <summary>What a pretraining run reached; accuracies in percent, null where not measured.</summary>
public sealed record PretrainResult(
    string Folder, bool Finished, long Steps, double? KnnTop1, double? KnnTop1Pixels, double? KnnTop1Untrained,
    double? LinearTop1, double Seconds, double PairsPerSecond, string TransformNote);

/// <summary>Pretraining from options to run folder.</summary>
public static class Pretrainer
{
    /// <summary>Runs, or resumes, a pretraining.</summary>
    /// <exception cref="InvalidInputException">The request cannot be met.</exception>
    public static PretrainResult Run(PretrainRequest request, IPretrainProgress progress, CancellationToken stop) =>
        throw new InvalidInputException("Pretraining is not there yet.");
}
