namespace FeatureTransform.Native;

/// <summary>A panel of query rows along the lanes, and what one split of the keys gives them; W lanes.</summary>
internal unsafe struct Panel
{
    /// <summary>Mixed queries, C x W.</summary>
    public float* Queries;

    /// <summary>p, the positive scores, W.</summary>
    public float* Positive;

    /// <summary>sum_j P_j z^_j, unscaled, C x W.</summary>
    public float* Gradient;

    /// <summary>The power of two that is taken out of the exponentials, W.</summary>
    public float* Shift;

    /// <summary>Negatives above the positive: integers in the bits, W.</summary>
    public float* Rank;

    /// <summary>Sums over the keys of s, s^2 and 2^(s scale - shift), W each.</summary>
    public double* Score, Square, Exp;
}

/// <summary>log2(e) / tau as the sum of two floats, so that a small temperature costs no digits.</summary>
internal readonly record struct ExponentScale(float High, float Low)
{
    public static ExponentScale Of(float tau)
    {
        double scale = Math.Log2(Math.E) / tau;
        return new((float)scale, (float)(scale - (float)scale));
    }
}
