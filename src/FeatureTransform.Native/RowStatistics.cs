namespace FeatureTransform.Native;

/// <summary>
/// What one contrastive step says of each of its N rows, after the transformation (the paper's Figures 3 and 5). Scores are
/// cosines, not divided by tau. Rows that hold NaN give NaN, but for the rank.
/// </summary>
public sealed class RowStatistics(int n)
{
    /// <summary>Loss L_i.</summary>
    public float[] Loss { get; } = new float[n];

    /// <summary>p_i, the score of the positive pair.</summary>
    public float[] PositiveScore { get; } = new float[n];

    /// <summary>Mean over the negatives of s_ij.</summary>
    public float[] NegativeMean { get; } = new float[n];

    /// <summary>Unbiased variance over the negatives of s_ij; NaN for a single negative.</summary>
    public float[] NegativeVariance { get; } = new float[n];

    /// <summary>exp(p_i / tau); infinite where fp32 cannot hold it.</summary>
    public float[] PositiveExp { get; } = new float[n];

    /// <summary>Mean over the negatives of exp(s_ij / tau); infinite where fp32 cannot hold it.</summary>
    public float[] NegativeExp { get; } = new float[n];

    /// <summary>Number of negatives with s_ij above p_i: 0 is a contrast top-1 hit, below 5 a top-5 hit.</summary>
    public int[] Rank { get; } = new int[n];
}
