namespace FeatureTransform.Native;

/// <summary>Sizes and element types of the steps that one <see cref="CudaContrastiveStep"/> computes.</summary>
/// <param name="MaxN">Largest N, rows of a batch; at least 1.</param>
/// <param name="C">Channels, 1 to 2048; the tensor cores take multiples of 16 up to 256.</param>
/// <param name="K">Rows of the queue; at least 1.</param>
public sealed record CudaStepShape(int MaxN, int C, int K)
{
    /// <summary>Largest C.</summary>
    public const int MaxC = 2048;

    /// <summary>How q_raw and k_raw are stored.</summary>
    public ElementType Features { get; init; } = ElementType.Float32;

    /// <summary>How the queue is stored.</summary>
    public ElementType Queue { get; init; } = ElementType.Float32;

    /// <summary>How the pass over the queue multiplies.</summary>
    public CudaPrecision Precision { get; init; } = CudaPrecision.BFloat16;

    /// <exception cref="ArgumentException">A size is out of its range, or the precision does not take so many channels.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxN, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(K, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(C, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(C, MaxC);
        if (Precision != CudaPrecision.Float32 && (C % 16 != 0 || C > 256))
        {
            throw new ArgumentException(
                $"{Precision} needs a C that is a multiple of 16 up to 256; given {C}. Use {nameof(CudaPrecision)}.{CudaPrecision.Float32}.");
        }
    }
}
