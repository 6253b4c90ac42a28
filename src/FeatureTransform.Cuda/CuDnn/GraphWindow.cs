namespace FeatureTransform.Cuda;

/// <summary>A window that moves over an image: that of a filter, or of pooling.</summary>
/// <param name="Height">Its rows of pixels.</param>
/// <param name="Width">Its pixels in a row.</param>
/// <param name="Stride">By how much it moves.</param>
/// <param name="Padding">Pixels around the image.</param>
internal readonly record struct GraphWindow(int Height, int Width, int Stride, int Padding)
{
    /// <summary>A square one.</summary>
    public GraphWindow(int size, int stride, int padding)
        : this(size, size, stride, padding)
    {
    }

    /// <summary>Its places in the rows of an image of this height.</summary>
    public long Rows(long height) => ((height + (2 * Padding) - Height) / Stride) + 1;

    /// <summary>Its places in a row of an image of this width.</summary>
    public long Columns(long width) => ((width + (2 * Padding) - Width) / Stride) + 1;

    public override string ToString() => $"{Height} x {Width} stride {Stride} padding {Padding}";
}
