using System.Runtime.InteropServices;

namespace FeatureTransform.Native;

/// <summary>
/// The queue of negatives: a ring of K unit rows of C channels (He et al., "Momentum Contrast", CVPR 2020). New keys
/// replace the oldest rows; their number need not divide K.
/// </summary>
public sealed class FeatureQueue
{
    // A vector may read beyond the end of the last row.
    private const int Behind = RowMath.Lanes;

    private readonly float[] float32;
    private readonly ushort[] bfloat16;
    private readonly float[] widened; // one row of a bf16 queue
    private readonly int length;

    /// <summary>A queue of zero rows; see <see cref="Initialize"/>.</summary>
    /// <param name="k">K, rows; at least 1.</param>
    /// <param name="c">C, channels; at least 1.</param>
    /// <param name="type">Storage of the rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public FeatureQueue(int k, int c, ElementType type = ElementType.Float32)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(c, 1);
        (K, C, Type) = (k, c, type);
        length = checked(k * c);
        float32 = type == ElementType.Float32 ? new float[length + Behind] : [];
        bfloat16 = type == ElementType.BFloat16 ? new ushort[length + Behind] : [];
        widened = type == ElementType.BFloat16 ? new float[c] : [];
    }

    /// <summary>Rows.</summary>
    public int K { get; }

    /// <summary>Channels.</summary>
    public int C { get; }

    /// <summary>Storage of the rows.</summary>
    public ElementType Type { get; }

    /// <summary>Row that the next key replaces: the oldest.</summary>
    public int Position { get; private set; }

    /// <summary>The rows, K x C, as they are stored; part of a checkpoint.</summary>
    public ReadOnlySpan<byte> Bytes =>
        Type == ElementType.Float32 ? MemoryMarshal.AsBytes(Float32) : MemoryMarshal.AsBytes(BFloat16);

    /// <summary>The rows of an fp32 queue, K x C; empty for bf16.</summary>
    public ReadOnlySpan<float> Float32 => Type == ElementType.Float32 ? float32.AsSpan(0, length) : [];

    /// <summary>The rows of a bf16 queue as bits, K x C; empty for fp32.</summary>
    public ReadOnlySpan<ushort> BFloat16 => Type == ElementType.BFloat16 ? bfloat16.AsSpan(0, length) : [];

    /// <summary>No row has been longer since the last <see cref="Initialize"/> or <see cref="Restore"/>; NaN after a NaN.</summary>
    internal float LargestNorm { get; private set; }

    /// <summary>Fills the queue with random unit rows, uniform on the sphere: a pure function of the seed.</summary>
    public void Initialize(ulong seed)
    {
        // Rows are counted from the far end of the stream, away from the parameters.
        const ulong firstIndex = 1UL << 40;
        LargestNorm = 0;
        var row = new float[C];
        for (int j = 0; j < K; j++)
        {
            double square = 0;
            for (int c = 0; c < C; c++)
            {
                PhiloxBlock block = Philox.Block(seed, 0, RandomUse.Initialization, firstIndex + ((ulong)j * (ulong)C) + (ulong)c);
                double radius = Math.Sqrt(-2 * Math.Log((block.X + 0.5) / 4294967296.0));
                row[c] = (float)(radius * Math.Cos(2 * Math.PI * block.Y / 4294967296.0));
                square += (double)row[c] * row[c];
            }

            for (int c = 0; c < C; c++)
            {
                row[c] = (float)(row[c] / Math.Sqrt(square));
            }

            Store(row, j);
        }

        Position = 0;
    }

    /// <summary>Replaces the oldest rows by keys, in order.</summary>
    /// <param name="keys">Unit keys, N x C; N at most K. NaN is stored as it is.</param>
    /// <exception cref="ArgumentException">The length is no multiple of C, or N exceeds K.</exception>
    public void Enqueue(ReadOnlySpan<float> keys)
    {
        if (keys.Length % C != 0 || keys.Length / C > K)
        {
            throw new ArgumentException(
                $"keys must be N x {C} floats with N at most {K}; given {keys.Length} floats.", nameof(keys));
        }

        for (int i = 0; i < keys.Length / C; i++)
        {
            Store(keys.Slice(i * C, C), Position);
            Position = Position + 1 == K ? 0 : Position + 1;
        }
    }

    /// <summary>Sets rows and position from a checkpoint.</summary>
    /// <param name="bytes">What <see cref="Bytes"/> gave.</param>
    /// <param name="position">What <see cref="Position"/> gave.</param>
    /// <exception cref="ArgumentException">The length or the position does not fit this queue.</exception>
    public void Restore(ReadOnlySpan<byte> bytes, int position)
    {
        if (bytes.Length != Bytes.Length)
        {
            throw new ArgumentException(
                $"A {Type} queue of {K} x {C} has {Bytes.Length} bytes; given {bytes.Length}.", nameof(bytes));
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)K, nameof(position));
        bytes.CopyTo(
            Type == ElementType.Float32
                ? MemoryMarshal.AsBytes(float32.AsSpan(0, length))
                : MemoryMarshal.AsBytes(bfloat16.AsSpan(0, length)));
        Position = position;
        LargestNorm = 0;
        for (int index = 0; index < K; index++)
        {
            Measure(index);
        }
    }

    private unsafe void Store(ReadOnlySpan<float> row, int index)
    {
        if (Type == ElementType.Float32)
        {
            row.CopyTo(float32.AsSpan(index * C, C));
        }
        else
        {
            fixed (float* source = row)
            fixed (ushort* target = &bfloat16[index * C])
            {
                Native.BFloat16.Round(source, target, C);
            }
        }

        Measure(index);
    }

    private unsafe void Measure(int index)
    {
        if (Type == ElementType.BFloat16)
        {
            fixed (ushort* source = &bfloat16[index * C])
            fixed (float* target = widened)
            {
                Native.BFloat16.Widen(source, target, C);
            }
        }

        fixed (float* row = Type == ElementType.Float32 ? float32.AsSpan(index * C, C) : widened)
        {
            LargestNorm = Math.Max(LargestNorm, (float)RowMath.Norm(row, C));
        }
    }
}
