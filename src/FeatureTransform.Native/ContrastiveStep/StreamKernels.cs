using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>What the pass does with one panel of queries; one instance for each vector width. All widths give the same bits.</summary>
internal abstract unsafe class StreamKernels
{
    /// <summary>Keys of a block are a multiple of this, so that register tiles fit.</summary>
    public const int TileKeys = 6;

    /// <summary>Rows that kernels may read and write beyond the last.</summary>
    public const int Padding = 3;

    /// <summary>Those for the widest vectors of this processor.</summary>
    public static StreamKernels Best { get; } =
        Vector512.IsHardwareAccelerated ? new StreamKernels<Vector512<float>, Simd512, Tile4<Vector512<float>, Simd512>>()
        : Vector256.IsHardwareAccelerated ? new StreamKernels<Vector256<float>, Simd256, Tile2<Vector256<float>, Simd256>>()
        : System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported
            ? new StreamKernels<Vector128<float>, Simd128, Tile4<Vector128<float>, Simd128>>()
        : Vector128.IsHardwareAccelerated ? new StreamKernels<Vector128<float>, Simd128, Tile2<Vector128<float>, Simd128>>()
        : new StreamKernels<float, SimdScalar, Tile2<float, SimdScalar>>();

    /// <summary>W, query rows in a panel.</summary>
    public abstract int Width { get; }

    /// <summary>Bits of a vector register as it is used.</summary>
    public abstract int VectorBits { get; }

    /// <summary>Clears the sums; with a running maximum, takes the positive's exponent as the first shift.</summary>
    public abstract void Begin(in Panel panel, bool running, ExponentScale scale);

    /// <summary>Logits, statistics, exponentials and their weighted sum for one block of negatives.</summary>
    /// <param name="panel">The queries and their sums.</param>
    /// <param name="z">The block, keys x stride.</param>
    /// <param name="stride">Elements from row to row.</param>
    /// <param name="keys">Rows of the block.</param>
    /// <param name="channels">C.</param>
    /// <param name="tile">Scratch, (keys + padding) x W.</param>
    /// <param name="first">Whether the gradient holds nothing yet.</param>
    /// <param name="running">Whether the shift follows the largest score.</param>
    /// <param name="scale">log2(e) / tau.</param>
    public abstract void Accumulate(
        in Panel panel, float* z, int stride, int keys, int channels, float* tile, bool first, bool running, ExponentScale scale);

    /// <summary>Brings the sums of the splits to one shift and adds them, in order, to those of the first.</summary>
    public abstract void Combine(ReadOnlySpan<Panel> splits, int channels);
}

/// <inheritdoc/>
internal sealed unsafe class StreamKernels<V, S, T> : StreamKernels
    where V : struct
    where S : struct, ISimd<V>
    where T : struct, ITile
{
    // Channels of a query panel that stay in the first cache beside the keys.
    private const int ChannelBlock = 128;

    public override int Width => T.Width;

    public override int VectorBits => S.Lanes * sizeof(float) * 8;

    public override void Begin(in Panel panel, bool running, ExponentScale scale)
    {
        int w = Width;
        new Span<double>(panel.Score, w).Clear();
        new Span<double>(panel.Square, w).Clear();
        new Span<double>(panel.Exp, w).Clear();
        new Span<float>(panel.Rank, w).Clear();
        for (int i = 0; i < w; i++)
        {
            panel.Shift[i] = running ? MathF.Round(panel.Positive[i] * scale.High) : 0;
        }
    }

    public override void Accumulate(
        in Panel panel, float* z, int stride, int keys, int channels, float* tile, bool first, bool running, ExponentScale scale)
    {
        for (int c = 0; c < channels; c += ChannelBlock)
        {
            Tiles.Multiply<T>(
                keys, Math.Min(ChannelBlock, channels - c), panel.Queries + ((nint)c * Width), z + c, stride, 1, tile, c > 0);
        }

        if (running)
        {
            ExponentKernel<V, S>.Raise(tile, keys, channels, Width, panel, first, scale);
            ExponentKernel<V, S>.Shifted(tile, keys, Width, panel, scale);
        }
        else
        {
            ExponentKernel<V, S>.Plain(tile, keys, Width, panel, scale);
        }

        Tiles.Multiply<T>(channels, keys, tile, z, 1, stride, panel.Gradient, !first);
    }

    public override void Combine(ReadOnlySpan<Panel> splits, int channels)
    {
        Panel total = splits[0];
        for (int lane = 0; lane < Width; lane++)
        {
            float shift = total.Shift[lane];
            foreach (Panel part in splits[1..])
            {
                shift = MathF.Max(shift, part.Shift[lane]);
                total.Score[lane] += part.Score[lane];
                total.Square[lane] += part.Square[lane];
                ((int*)total.Rank)[lane] += ((int*)part.Rank)[lane];
            }

            double exp = 0;
            foreach (Panel part in splits)
            {
                // The shift becomes the factor that brings this part's exponentials to the common shift.
                float factor = (float)double.Exp2(part.Shift[lane] - shift);
                exp += factor * part.Exp[lane];
                part.Shift[lane] = factor;
            }

            total.Exp[lane] = exp;
            total.Positive[lane] = shift;
        }

        for (int c = 0; c < channels; c++)
        {
            for (int lane = 0; lane < Width; lane += S.Lanes)
            {
                nint offset = ((nint)c * Width) + lane;
                V sum = S.Multiply(S.Load(total.Shift + lane), S.Load(total.Gradient + offset));
                foreach (ref readonly Panel part in splits[1..])
                {
                    sum = S.MultiplyAdd(S.Load(part.Shift + lane), S.Load(part.Gradient + offset), sum);
                }

                S.Store(sum, total.Gradient + offset);
            }
        }
    }
}
