namespace FeatureTransform.Training.Pretraining;

/// <summary>Running sums over the steps of an epoch; part of a checkpoint, so that a resumed epoch gives the same means.</summary>
internal sealed class EpochTotals
{
    private const int Count = 6;
    private readonly double[] sums = new double[Count];

    /// <summary>The sums, for a checkpoint.</summary>
    public double[] ToArray() => [.. sums];

    /// <summary>Takes the sums of a checkpoint.</summary>
    /// <exception cref="InvalidInputException">There is another number of them.</exception>
    public void Restore(double[] saved)
    {
        if (saved.Length != Count)
        {
            throw new InvalidInputException($"The checkpoint has {saved.Length} running sums of its epoch, {Count} were expected.");
        }

        saved.CopyTo(sums, 0);
    }

    public void Add(in StepReport report)
    {
        sums[0]++;
        sums[1] += report.Loss;
        sums[2] += report.PositiveScore;
        sums[3] += report.NegativeScore;
        sums[4] += report.Top1;
        sums[5] += report.Top5;
    }

    /// <summary>The epoch's report, and a fresh start.</summary>
    public EpochReport Finish(in StepReport last, float? knnTop1, double seconds, double dataWait)
    {
        var report = new EpochReport
        {
            Epoch = last.Epoch,
            Steps = last.Step + 1,
            Loss = Mean(1),
            PositiveScore = Mean(2),
            NegativeScore = Mean(3),
            Top1 = Mean(4),
            Top5 = Mean(5),
            LearningRate = last.LearningRate,
            KnnTop1 = knnTop1,
            Seconds = seconds,
            DataWait = dataWait,
        };
        Array.Clear(sums);
        return report;
    }

    private float Mean(int index) => (float)(sums[index] / sums[0]);
}
