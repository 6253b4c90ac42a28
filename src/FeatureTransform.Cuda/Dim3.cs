namespace FeatureTransform.Cuda;

/// <summary>Numbers of blocks of a grid, or of threads of a block.</summary>
public readonly record struct Dim3(uint X, uint Y = 1, uint Z = 1)
{
    /// <inheritdoc/>
    public override string ToString() => $"({X}, {Y}, {Z})";
}
