namespace FeatureTransform.Training.Data;

/// <summary>
/// Scratch for one square fp32 RGB image in [0, 1]: three planes of S rows. Rows are padded to whole vectors, so that kernels
/// need no tail; what stands in the padding is finite and has no meaning.
/// </summary>
internal sealed unsafe class PlanarImage
{
    /// <summary>Floats that the kernels treat at a time.</summary>
    public const int Lanes = 16;

    private readonly AlignedFloats _memory;

    /// <summary>Allocates an image of S x S pixels.</summary>
    public PlanarImage(int size)
    {
        Size = size;
        Stride = (size + Lanes - 1) / Lanes * Lanes;
        _memory = new AlignedFloats(3 * size * Stride);
    }

    /// <summary>S.</summary>
    public int Size { get; }

    /// <summary>Floats from one row to the next.</summary>
    public int Stride { get; }

    /// <summary>Floats of a plane, padding included.</summary>
    public int PlaneLength => Size * Stride;

    /// <summary>Red; green and blue follow, each <see cref="PlaneLength"/> further.</summary>
    public float* Red => _memory.Pointer;

    /// <summary>Green.</summary>
    public float* Green => Red + PlaneLength;

    /// <summary>Blue.</summary>
    public float* Blue => Green + PlaneLength;
}
