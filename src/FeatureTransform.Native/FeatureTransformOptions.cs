namespace FeatureTransform.Native;

/// <summary>How a positive pair (q, k) is transformed (paper, section 4.1).</summary>
public enum PositiveTransform
{
    /// <summary>The pair is used as it is.</summary>
    None,

    /// <summary>lambda ~ Beta(a, a) + 1: the pair is pushed apart, a harder positive.</summary>
    Extrapolation,

    /// <summary>lambda ~ Beta(a, a): the pair is pulled together (the paper's ablation).</summary>
    Interpolation,
}

/// <summary>How the queue is transformed (paper, section 4.2, and Table 5).</summary>
public enum NegativeTransform
{
    /// <summary>The queue is used as it is: K negatives.</summary>
    None,

    /// <summary>The interpolated queue replaces the original: K negatives.</summary>
    Replace,

    /// <summary>The interpolated queue is used beside the original: 2K negatives.</summary>
    Extend,
}

/// <summary>What shares one lambda.</summary>
public enum LambdaScope
{
    /// <summary>One scalar a step (the published default).</summary>
    Batch,

    /// <summary>One scalar for each pair, or for each queue row.</summary>
    Row,

    /// <summary>One for each element: the paper's dimension-level mixing.</summary>
    Element,
}

/// <summary>The settings of one contrastive step: temperature, and both feature transformations.</summary>
public sealed record FeatureTransformOptions
{
    /// <summary>Temperature of the softmax; finite and above 0.</summary>
    public float Tau { get; init; } = 0.2f;

    /// <summary>Seed of every lambda and permutation.</summary>
    public ulong Seed { get; init; }

    /// <summary>Rank of this process among those that train together; a part of every random counter. Below 2^24.</summary>
    public uint Rank { get; init; }

    /// <summary>Transformation of the positive pairs.</summary>
    public PositiveTransform Positive { get; init; } = PositiveTransform.Extrapolation;

    /// <summary>a of Beta(a, a) for the positives; in [0.05, 100].</summary>
    public float PositiveAlpha { get; init; } = 2.0f;

    /// <summary>Scope of the positives' lambda.</summary>
    public LambdaScope PositiveScope { get; init; } = LambdaScope.Batch;

    /// <summary>Whether the mixed positives are normalised again.</summary>
    public bool PositiveNormalize { get; init; }

    /// <summary>Transformation of the queue.</summary>
    public NegativeTransform Negative { get; init; } = NegativeTransform.Replace;

    /// <summary>a of Beta(a, a) for the negatives; in [0.05, 100].</summary>
    public float NegativeAlpha { get; init; } = 1.6f;

    /// <summary>Scope of the negatives' lambda.</summary>
    public LambdaScope NegativeScope { get; init; } = LambdaScope.Batch;

    /// <summary>Whether the mixed queue rows are normalised again.</summary>
    public bool NegativeNormalize { get; init; }

    /// <summary>Refuses a temperature that no softmax has; alphas are refused where their tables are built.</summary>
    /// <exception cref="ArgumentOutOfRangeException">tau is not above 0, or not finite.</exception>
    internal void Validate()
    {
        if (!(Tau > 0) || !float.IsFinite(Tau))
        {
            throw new ArgumentOutOfRangeException("options", Tau, "tau must be finite and above 0.");
        }
    }
}
