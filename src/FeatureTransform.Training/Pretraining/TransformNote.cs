using FeatureTransform.Native;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Pretraining;

/// <summary>Says what the feature transformation changed: the last batch with it and without it (the paper's Figures 3 and 5).</summary>
internal static class TransformNote
{
    /// <summary>One sentence; <paramref name="plain"/> are the same rows without the transformation, or null where unknown.</summary>
    public static string Of(TransformOptions options, int firstEpoch, int epochs, RowStatistics transformed, RowStatistics? plain)
    {
        if (!options.IsOn)
        {
            return "Feature transformation was off.";
        }

        if (firstEpoch >= epochs)
        {
            return $"Feature transformation did not begin: it would with epoch {firstEpoch} (from 0), after the last.";
        }

        string what = $"Feature transformation (from epoch {firstEpoch})";
        return plain is null
            ? $"{what}: its effect is told at the end of a run."
            : string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{what}, on the last batch: positive score {plain.PositiveScore.Average():F3} -> {transformed.PositiveScore.Average():F3}, " +
                $"variance of negative scores {plain.NegativeVariance.Average():F4} -> {transformed.NegativeVariance.Average():F4}, " +
                $"loss {plain.Loss.Average():F3} -> {transformed.Loss.Average():F3}.");
    }
}
