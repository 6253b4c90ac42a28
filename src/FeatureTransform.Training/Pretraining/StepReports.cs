using FeatureTransform.Native;

namespace FeatureTransform.Training.Pretraining;

/// <summary>Means of a step's row statistics.</summary>
internal static class StepReports
{
    public static StepReport Of(RowStatistics rows, int n, int epoch, long step, float loss, float learningRate, bool transformed)
    {
        const int contrastTop5 = 5;
        int first = 0, five = 0;
        for (int i = 0; i < n; i++)
        {
            first += rows.Rank[i] == 0 ? 1 : 0;
            five += rows.Rank[i] < contrastTop5 ? 1 : 0;
        }

        return new StepReport(
            epoch, step, loss, Mean(rows.PositiveScore, n), Mean(rows.NegativeMean, n), Mean(rows.NegativeVariance, n),
            Mean(rows.PositiveExp, n), Mean(rows.NegativeExp, n), (float)first / n, (float)five / n, learningRate, transformed);
    }

    private static float Mean(float[] values, int n)
    {
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            sum += values[i];
        }

        return (float)(sum / n);
    }
}
