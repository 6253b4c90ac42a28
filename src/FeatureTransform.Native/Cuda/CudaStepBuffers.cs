using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Native;

/// <summary>
/// Where a step finds its inputs and leaves its outputs: device addresses, from whatever allocated them. The caller keeps the
/// memory until the stream is past the step. All are row-major and aligned to their elements, the queue for tensor cores to 16 bytes.
/// </summary>
public readonly record struct CudaStepBuffers
{
    /// <summary>Arrays of <see cref="Statistics"/>.</summary>
    public const int StatisticsArrays = 7;

    /// <summary>In: queries as the encoder gives them, N x C of the shape's feature type.</summary>
    public required ulong QRaw { get; init; }

    /// <summary>In: keys as the momentum encoder gives them, N x C of the shape's feature type.</summary>
    public required ulong KRaw { get; init; }

    /// <summary>In, and out of <see cref="CudaContrastiveStep.Enqueue"/>: unit rows, K x C of the shape's queue type, contiguous.</summary>
    public required ulong Queue { get; init; }

    /// <summary>Out: dL/dq_raw of the mean loss, N x C fp32.</summary>
    public required ulong DqRaw { get; init; }

    /// <summary>Out: the unit keys, unmixed, N x C fp32, contiguous.</summary>
    public required ulong Keys { get; init; }

    /// <summary>Out: the mean loss, one fp32.</summary>
    public required ulong Loss { get; init; }

    /// <summary>
    /// Out: <see cref="StatisticsArrays"/> arrays of N 4-byte values each, as in <see cref="RowStatistics"/>: loss, positive score, mean and variance of
    /// the negative scores, exp of the positive score, mean exp of the negative scores (fp32), rank (int32).
    /// </summary>
    public required ulong Statistics { get; init; }

    /// <summary>Elements from one row of <see cref="QRaw"/> to the next; 0: C.</summary>
    public int QStride { get; init; }

    /// <summary>Elements from one row of <see cref="KRaw"/> to the next; 0: C.</summary>
    public int KStride { get; init; }

    /// <summary>Elements from one row of <see cref="DqRaw"/> to the next; 0: C.</summary>
    public int DqStride { get; init; }

    /// <exception cref="ArgumentException">An address is missing or not aligned, or a stride is shorter than a row.</exception>
    internal void Validate(CudaStepShape shape, InfoNcePlan pass)
    {
        int feature = Size(shape.Features);
        Check(QRaw, feature, nameof(QRaw), "N x C");
        Check(KRaw, feature, nameof(KRaw), "N x C");
        Check(Queue, pass.Precision == CudaPrecision.Float32 ? Size(shape.Queue) : InfoNce.CopyBytes, nameof(Queue), "K x C");
        Check(DqRaw, sizeof(float), nameof(DqRaw), "N x C");
        Check(Keys, sizeof(float), nameof(Keys), "N x C");
        Check(Loss, sizeof(float), nameof(Loss), "1");
        Check(Statistics, sizeof(float), nameof(Statistics), "7 x N");
        CheckStride(QStride, shape.C, nameof(QStride));
        CheckStride(KStride, shape.C, nameof(KStride));
        CheckStride(DqStride, shape.C, nameof(DqStride));
    }

    private static int Size(ElementType type) => type == ElementType.Float32 ? sizeof(float) : sizeof(ushort);

    private static void Check(ulong address, int alignment, string name, string shape)
    {
        if (address == 0 || address % (ulong)alignment != 0)
        {
            throw new ArgumentException(
                $"{name} must be the device address of {shape} elements, aligned to {alignment} bytes; given 0x{address:x}.", name);
        }
    }

    private static void CheckStride(int stride, int c, string name)
    {
        if (stride != 0 && stride < c)
        {
            throw new ArgumentException($"{name} must be 0 or at least C = {c} elements; given {stride}.", name);
        }
    }
}
