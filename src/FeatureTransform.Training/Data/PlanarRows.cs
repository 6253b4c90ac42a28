namespace FeatureTransform.Training.Data;

/// <summary>Rows of an image, padding included: what operations on colours treat at a time.</summary>
/// <param name="image">The image, which outlives this.</param>
/// <param name="first">First row.</param>
/// <param name="count">Number of rows.</param>
internal readonly unsafe ref struct PlanarRows(PlanarImage image, int first, int count)
{
    /// <summary>Number of rows.</summary>
    public int Count => count;

    /// <summary>Pixels of a row, without its padding.</summary>
    public int Width => image.Size;

    /// <summary>Floats from one row to the next.</summary>
    public int Stride => image.Stride;

    /// <summary>Floats of one colour.</summary>
    public nint Length => (nint)count * image.Stride;

    /// <summary>Red.</summary>
    public float* Red => image.Red + ((nint)first * image.Stride);

    /// <summary>Green.</summary>
    public float* Green => Red + image.PlaneLength;

    /// <summary>Blue.</summary>
    public float* Blue => Green + image.PlaneLength;

    /// <summary>All rows of an image.</summary>
    public static implicit operator PlanarRows(PlanarImage image) => new(image, 0, image.Size);
}
