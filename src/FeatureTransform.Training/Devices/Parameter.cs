namespace FeatureTransform.Training.Devices;

/// <summary>What a parameter is, for its initialisation and for export.</summary>
internal enum ParameterKind
{
    /// <summary>K x C x R x S in torchvision's order; kept as K x R x S x C.</summary>
    Convolution,

    /// <summary>Out x In.</summary>
    Linear,

    /// <summary>Bias of a linear layer.</summary>
    LinearBias,

    /// <summary>Scale of a batch normalisation.</summary>
    NormWeight,

    /// <summary>Shift of a batch normalisation.</summary>
    NormBias,

    /// <summary>running_mean: a buffer, not trained.</summary>
    RunningMean,

    /// <summary>running_var: a buffer, not trained.</summary>
    RunningVariance,
}

/// <summary>A named piece of a model's flat storage. Shape is torchvision's (K, C, R, S for a convolution).</summary>
internal sealed record Parameter(string Name, ParameterKind Kind, int[] Shape, long Offset)
{
    public long Count { get; } = Shape.Aggregate(1L, (product, size) => product * size);

    public bool Trained => Kind is not (ParameterKind.RunningMean or ParameterKind.RunningVariance);
}
