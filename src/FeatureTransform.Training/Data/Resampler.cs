using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Antialiased bilinear resize of a rectangle of an 8-bit image to planes in [0, 1] (weights: <see cref="ResampleAxis"/>; pixels
/// outside the rectangle play no part). A row of the output is first summed over rows of the input, sixteen bytes at a time,
/// and then over columns, a pixel (red, green, blue and one float unused) at a time. Owns its scratch: one object per thread.
/// </summary>
internal sealed unsafe class Resampler
{
    private readonly ResampleAxis _columns = new();
    private readonly ResampleAxis _rows = new();
    private AlignedFloats _sums = new(0);
    private AlignedFloats _pixels = new(0);

    /// <summary>
    /// Resizes <paramref name="source"/> to width x height and writes the window of it at (left, top) that
    /// <paramref name="destination"/> has room for.
    /// </summary>
    /// <param name="image">The image.</param>
    /// <param name="source">Part of it that is resized.</param>
    /// <param name="result">Size of the whole result (Width, Height) and corner of the window wanted (Left, Top).</param>
    /// <param name="flip">Mirror the window left to right.</param>
    /// <param name="destination">The window.</param>
    public void Resize(in RgbImage image, PixelRectangle source, PixelRectangle result, bool flip, PlanarImage destination)
    {
        int size = destination.Size;
        _columns.Fill(source.Width, result.Width, result.Left, size, flip, 1);
        _rows.Fill(source.Height, result.Height, result.Top, size, false, 1.0 / byte.MaxValue);

        // A pixel is read as four floats, and groups of outputs read all taps, where the weights of the last may be zero.
        int length = source.Width * 3;
        Reserve(ref _sums, length + ((_columns.Taps + 1) * 3) + 1);
        Reserve(ref _pixels, (destination.Stride * 3) + 1);
        fixed (byte* pixels = image.Pixels.Span)
        {
            byte* corner = pixels + ((((long)source.Top * image.Width) + source.Left) * 3);
            for (int y = 0; y < size; y++)
            {
                byte* rows = corner + ((long)_rows.Start[y] * image.Width * 3);
                SumRows(rows, image.Width * 3, _rows.Weights + (y * _rows.Taps), _rows.Count[y], _sums.Pointer, length);
                SumColumns(_sums.Pointer, size, _pixels.Pointer);
                PixelLayout.ToPlanes(_pixels.Pointer, destination, y);
            }
        }
    }

    /// <summary>sums[i] = sum over t of weights[t] rows[t * pitch + i].</summary>
    private static void SumRows(byte* rows, int pitch, float* weights, int taps, float* sums, int length)
    {
        const int lanes = PlanarImage.Lanes;
        if (length < lanes)
        {
            for (int j = 0; j < length; j++)
            {
                float sum = 0;
                for (int t = 0; t < taps; t++)
                {
                    sum = MathF.FusedMultiplyAdd(rows[((long)t * pitch) + j], weights[t], sum);
                }

                sums[j] = sum;
            }

            return;
        }

        int i = 0;
        for (; i + (4 * lanes) <= length; i += 4 * lanes)
        {
            Vector512<float> a = default, b = default, c = default, d = default;
            byte* row = rows + i;
            for (int t = 0; t < taps; t++, row += pitch)
            {
                Vector512<float> weight = Vector512.Create(weights[t]);
                a = Vector512.FusedMultiplyAdd(Widen(row), weight, a);
                b = Vector512.FusedMultiplyAdd(Widen(row + lanes), weight, b);
                c = Vector512.FusedMultiplyAdd(Widen(row + (2 * lanes)), weight, c);
                d = Vector512.FusedMultiplyAdd(Widen(row + (3 * lanes)), weight, d);
            }

            a.Store(sums + i);
            b.Store(sums + i + lanes);
            c.Store(sums + i + (2 * lanes));
            d.Store(sums + i + (3 * lanes));
        }

        // The last vector may overlap the one before: the same sums once more.
        for (; i < length; i += lanes)
        {
            int at = Math.Min(i, length - lanes);
            Vector512<float> sum = default;
            for (int t = 0; t < taps; t++)
            {
                sum = Vector512.FusedMultiplyAdd(Widen(rows + ((long)t * pitch) + at), Vector512.Create(weights[t]), sum);
            }

            sum.Store(sums + at);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Widen(byte* bytes)
    {
        Vector128<byte> sixteen = Vector128.Load(bytes);
        return Vector512.ConvertToSingle(Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(sixteen) // one instruction for the two steps below
            : Vector512.WidenLower(Vector256.WidenLower(sixteen.ToVector256Unsafe()).ToVector512Unsafe()).AsInt32());
    }

    /// <summary>Pixel x of the result = sum over t of weight (x, t) times pixel start(x) + t of the sums.</summary>
    private void SumColumns(float* sums, int size, float* pixels)
    {
        int taps = _columns.Taps;
        float* weights = _columns.Weights;
        fixed (int* start = _columns.Start, count = _columns.Count)
        {
            for (int x = 0; x < size; x += ResampleAxis.Group)
            {
                Vector128<float> a = default, b = default, c = default, d = default;
                float* w = weights + (x * taps);
                float* pa = sums + (start[x] * 3), pb = sums + (start[x + 1] * 3);
                float* pc = sums + (start[x + 2] * 3), pd = sums + (start[x + 3] * 3);
                int used = Math.Max(Math.Max(count[x], count[x + 1]), Math.Max(count[x + 2], count[x + 3]));
                for (int t = 0; t < used; t++, w++)
                {
                    a = Vector128.FusedMultiplyAdd(Vector128.Load(pa + (3 * t)), Vector128.Create(w[0]), a);
                    b = Vector128.FusedMultiplyAdd(Vector128.Load(pb + (3 * t)), Vector128.Create(w[taps]), b);
                    c = Vector128.FusedMultiplyAdd(Vector128.Load(pc + (3 * t)), Vector128.Create(w[2 * taps]), c);
                    d = Vector128.FusedMultiplyAdd(Vector128.Load(pd + (3 * t)), Vector128.Create(w[3 * taps]), d);
                }

                // Each store leaves a float too many, which the next one overwrites.
                a.Store(pixels + (x * 3));
                b.Store(pixels + (x * 3) + 3);
                c.Store(pixels + (x * 3) + 6);
                d.Store(pixels + (x * 3) + 9);
            }
        }
    }

    private static void Reserve(ref AlignedFloats memory, int length)
    {
        if (memory.Length < length)
        {
            memory = new AlignedFloats(length);
        }
    }
}
