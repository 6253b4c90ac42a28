namespace FeatureTransform.Training.Pretraining;

/// <summary>What one step says of itself; a row of <c>scores.csv</c>. Statistics are means over the N rows.</summary>
/// <param name="Epoch">Epoch, from 0.</param>
/// <param name="Step">Step of the run, from 0.</param>
/// <param name="Loss">InfoNCE loss.</param>
/// <param name="PositiveScore">Mean cosine of the positive pairs, after the transformation.</param>
/// <param name="NegativeScore">Mean over rows of the mean cosine to the negatives.</param>
/// <param name="NegativeVariance">Mean over rows of the unbiased variance of those cosines.</param>
/// <param name="PositiveExp">Mean of exp(p / tau).</param>
/// <param name="NegativeExp">Mean over rows of the mean of exp(s / tau).</param>
/// <param name="Top1">Share of rows whose positive outranks every negative.</param>
/// <param name="Top5">Share of rows whose positive is among the five best.</param>
/// <param name="LearningRate">Learning rate of the step.</param>
/// <param name="Transformed">Whether the feature transformation was on.</param>
public readonly record struct StepReport(
    int Epoch, long Step, float Loss, float PositiveScore, float NegativeScore, float NegativeVariance,
    float PositiveExp, float NegativeExp, float Top1, float Top5, float LearningRate, bool Transformed);

/// <summary>What one epoch says of itself; a row of <c>metrics.csv</c>. Statistics are means over its steps.</summary>
public sealed record EpochReport
{
    /// <summary>Epoch, from 0.</summary>
    public required int Epoch { get; init; }

    /// <summary>Steps of the run so far.</summary>
    public required long Steps { get; init; }

    /// <summary>Mean loss.</summary>
    public required float Loss { get; init; }

    /// <summary>Mean positive score.</summary>
    public required float PositiveScore { get; init; }

    /// <summary>Mean negative score.</summary>
    public required float NegativeScore { get; init; }

    /// <summary>Contrast accuracy, top 1.</summary>
    public required float Top1 { get; init; }

    /// <summary>Contrast accuracy, top 5.</summary>
    public required float Top5 { get; init; }

    /// <summary>Learning rate at the end of the epoch.</summary>
    public required float LearningRate { get; init; }

    /// <summary>k-NN top-1 accuracy in percent; null where it was not measured.</summary>
    public float? KnnTop1 { get; init; }

    /// <summary>Wall seconds of the epoch's training (evaluation not counted). Not part of what resuming reproduces.</summary>
    public required double Seconds { get; init; }

    /// <summary>Share of that time in which training waited for data.</summary>
    public required double DataWait { get; init; }
}

/// <summary>Who watches a pretraining run.</summary>
public interface IPretrainProgress : IProgressReport
{
    /// <summary>Called once before the first step.</summary>
    /// <param name="stepsPerEpoch">Steps of an epoch.</param>
    /// <param name="firstStep">Step the run starts with; above 0 when resumed.</param>
    /// <param name="totalSteps">Steps of the whole run.</param>
    /// <param name="description">Model, data and device in one line.</param>
    void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description);

    /// <summary>Called after each step, on the training thread: must return at once.</summary>
    void Step(in StepReport report, double pairsPerSecond);

    /// <summary>Called after each epoch.</summary>
    void Epoch(EpochReport report);
}
