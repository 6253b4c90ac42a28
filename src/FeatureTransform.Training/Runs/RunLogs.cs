using System.Globalization;
using System.Text.Unicode;
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

    private static bool Format(in StepReport row, Span<byte> destination, out int written) =>
        Utf8.TryWrite(
            destination, CultureInfo.InvariantCulture,
            $"{row.Step},{row.Epoch},{row.Loss},{row.PositiveScore},{row.NegativeScore},{row.NegativeVariance},{row.PositiveExp},{row.NegativeExp},{row.Top1},{row.Top5},{row.LearningRate},{(row.Transformed ? 1 : 0)}",
            out written);

    private static bool Format(in EpochReport row, Span<byte> destination, out int written) =>
        Utf8.TryWrite(
            destination, CultureInfo.InvariantCulture,
            $"{row.Epoch},{row.Steps},{row.Loss},{row.PositiveScore},{row.NegativeScore},{row.Top1},{row.Top5},{row.LearningRate},{row.KnnTop1}",
            out written);
}
