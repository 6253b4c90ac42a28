using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Trainer.Display;

/// <summary>The latest values of a run: written by the thread that trains, read by the one that displays.</summary>
internal sealed class ProgressState(TimeProvider clock)
{
    private readonly Lock gate = new();
    private readonly List<(int Epoch, float Top1)> knn = [];
    private string description = "", stage = "";
    private long stepsPerEpoch = 1, firstStep, totalSteps, stageDone, stageTotal, startedAt;
    private StepReport? step;
    private double pairsPerSecond;

    public void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description)
    {
        lock (gate)
        {
            (this.stepsPerEpoch, this.firstStep, this.totalSteps, this.description) =
                (stepsPerEpoch, firstStep, totalSteps, description);
            startedAt = clock.GetTimestamp();
            stage = "";
        }
    }

    public void Step(in StepReport report, double pairsPerSecond)
    {
        lock (gate)
        {
            step = report;
            this.pairsPerSecond = pairsPerSecond;
            stage = "";
        }
    }

    public void Epoch(EpochReport report)
    {
        lock (gate)
        {
            stage = "";
            if (report.KnnTop1 is { } top1)
            {
                knn.Add((report.Epoch, top1));
            }
        }
    }

    /// <returns>Whether the stage is another than before.</returns>
    public bool Stage(string name, long done, long total)
    {
        lock (gate)
        {
            bool changed = name != stage;
            (stage, stageDone, stageTotal) = (name, done, total);
            return changed;
        }
    }

    public ProgressSnapshot Read()
    {
        lock (gate)
        {
            double elapsed = startedAt == 0 ? 0 : clock.GetElapsedTime(startedAt).TotalSeconds;
            long done = step is { } s ? s.Step + 1 : firstStep;
            return new ProgressSnapshot
            {
                Description = description,
                Epochs = Math.Max(1, (totalSteps + stepsPerEpoch - 1) / stepsPerEpoch),
                Done = done,
                Total = totalSteps,
                Step = step,
                PairsPerSecond = pairsPerSecond,
                SecondsLeft = done > firstStep ? elapsed / (done - firstStep) * (totalSteps - done) : null,
                Knn = [.. knn],
                Stage = stage,
                StageDone = stageDone,
                StageTotal = stageTotal,
            };
        }
    }
}

/// <summary>The values of a run at one moment.</summary>
internal sealed record ProgressSnapshot
{
    /// <summary>Model, data and device; empty before training begins.</summary>
    public required string Description { get; init; }

    public required long Epochs { get; init; }

    /// <summary>Steps of the whole run so far, and in the end.</summary>
    public required long Done { get; init; }

    public required long Total { get; init; }

    /// <summary>The last step; null before the first.</summary>
    public required StepReport? Step { get; init; }

    public required double PairsPerSecond { get; init; }

    /// <summary>Estimated from the time of all steps so far, evaluation included; null before the first step.</summary>
    public required double? SecondsLeft { get; init; }

    /// <summary>k-NN accuracies in percent, by epoch from 0.</summary>
    public required IReadOnlyList<(int Epoch, float Top1)> Knn { get; init; }

    /// <summary>What happens besides training; empty while training.</summary>
    public required string Stage { get; init; }

    public required long StageDone { get; init; }

    public required long StageTotal { get; init; }
}
