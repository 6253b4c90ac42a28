namespace FeatureTransform.Training.Evaluation;

/// <summary>Features of images, row by row, and the images' labels.</summary>
/// <param name="Values">N x C, row-major.</param>
/// <param name="Labels">N labels.</param>
/// <param name="C">Channels of a feature.</param>
internal sealed record FeatureSet(float[] Values, int[] Labels, int C)
{
    /// <summary>N.</summary>
    public int Count => Labels.Length;

    /// <summary>The chosen rows, copied.</summary>
    public FeatureSet Rows(ReadOnlySpan<int> rows)
    {
        var values = new float[(long)rows.Length * C];
        var labels = new int[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            Values.AsSpan(rows[i] * C, C).CopyTo(values.AsSpan(i * C));
            labels[i] = Labels[rows[i]];
        }

        return new FeatureSet(values, labels, C);
    }
}
