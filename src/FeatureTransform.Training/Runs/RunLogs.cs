using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Training.Runs;

/// <summary>
/// The two tables of a run, numbers in the shortest form that reads back to the same bits. They hold no wall-clock value, so
/// that a resumed run writes the same bytes as one that was never stopped.
/// </summary>
internal static class RunLogs
{
    private const string ScoresHeader =
        "step,epoch,loss,positive_score,negative_score,negative_variance,positive_exp,negative_exp,top1,top5,learning_rate,transformed";

    private const string MetricsHeader =
        "epoch,steps,loss,positive_score,negative_score,top1,top5,learning_rate,knn_top1";

    /// <summary><c>scores.csv</c>: a row a step.</summary>
    public static CsvLog<StepReport> Scores(string path, long rows) => new(path, ScoresHeader, Format, rows);

    /// <summary><c>metrics.csv</c>: a row an epoch.</summary>
    public static CsvLog<EpochReport> Metrics(string path, long rows) => new(path, MetricsHeader, Format, rows);

    private static void Format(in StepReport row, ref CsvLine line)
    {
        line.Add(row.Step);
        line.Add(row.Epoch);
        line.Add(row.Loss);
        line.Add(row.PositiveScore);
        line.Add(row.NegativeScore);
        line.Add(row.NegativeVariance);
        line.Add(row.PositiveExp);
        line.Add(row.NegativeExp);
        line.Add(row.Top1);
        line.Add(row.Top5);
        line.Add(row.LearningRate);
        line.Add(row.Transformed ? 1 : 0);
    }

    private static void Format(in EpochReport row, ref CsvLine line)
    {
        line.Add(row.Epoch);
        line.Add(row.Steps);
        line.Add(row.Loss);
        line.Add(row.PositiveScore);
        line.Add(row.NegativeScore);
        line.Add(row.Top1);
        line.Add(row.Top5);
        line.Add(row.LearningRate);
        if (row.KnnTop1 is float knn)
        {
            line.Add(knn);
        }
        else
        {
            line.AddEmpty();
        }
    }
}
