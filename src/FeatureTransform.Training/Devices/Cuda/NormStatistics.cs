namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// What a batch normalisation leaves for its backward pass, in one block: mean and inverse deviation of each group, then, where
/// a ReLU follows, each group's bits of where that passes.
/// </summary>
internal readonly record struct NormStatistics(ulong Address, int Groups, int C, long MaskBytes)
{
    private const int Alignment = 256;

    private long VectorBytes => Padded((long)C * sizeof(float));

    public long Bytes => Groups * ((2 * VectorBytes) + Padded(MaskBytes));

    public ulong Mean(int group) => Address + (ulong)(2 * group * VectorBytes);

    public ulong Inverse(int group) => Mean(group) + (ulong)VectorBytes;

    /// <summary>Only where <see cref="MaskBytes"/> is not 0.</summary>
    public ulong Mask(int group) => Address + (ulong)((2 * Groups * VectorBytes) + (group * Padded(MaskBytes)));

    private static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
