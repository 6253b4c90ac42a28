using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Antialiased bilinear resize of a rectangle of an 8-bit image to planes in [0, 1] (weights: <see cref="ResampleAxis"/>; pixels
/// outside the rectangle play no part). Each row of the input is widened to floats once; a row of the output is first summed
/// over such rows, and then over columns. Owns its scratch: one object per thread. Its loops are methods that are not inlined: in one large
/// method they would share its registers, and spill.
/// </summary>
internal sealed unsafe class Resampler
{
    private const int Lanes = PlanarImage.Lanes;

    private readonly ResampleAxis _columns = new();
    private readonly ResampleAxis _rows = new();
    private readonly PlaneColumns _planeColumns = new();
    private readonly PixelColumns _pixelColumns = new();
    private AlignedFloats _widened = new(0);
    private AlignedFloats _sums = new(0);

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
        if (PlaneColumns.IsSupported)
        {
            _planeColumns.Fill(_columns, size);
        }

        // Widened rows lie in a ring that has room for all that a row of the output needs.
        int pitch = (source.Width + Lanes - 1) / Lanes * Lanes, length = 3 * pitch, ring = _rows.Taps;
        AlignedFloats.Reserve(ref _widened, ring * length);
        AlignedFloats.Reserve(ref _sums, length + Math.Max(PlaneColumns.Reach, PixelColumns.Overrun(_columns)));
        fixed (byte* pixels = image.Pixels.Span)
        {
            byte* corner = pixels + ((((long)source.Top * image.Width) + source.Left) * 3);
            int next = 0;
            for (int y = 0; y < size; y++)
            {
                int start = _rows.Start[y], count = _rows.Count[y];
                for (next = Math.Max(next, start); next < start + count; next++)
                {
                    byte* row = corner + ((long)next * image.Width * 3);
                    float* widened = _widened.Pointer + (next % ring * length);
                    if (PlaneColumns.IsSupported)
                    {
                        WidenToPlanes(row, source.Width, widened, pitch);
                    }
                    else
                    {
                        Widen(row, source.Width * 3, widened);
                    }
                }

                SumRows(start % ring, ring, _rows.Weights + (y * ring), count, length);
                if (PlaneColumns.IsSupported)
                {
                    _planeColumns.Apply(_sums.Pointer, pitch, destination, y);
                }
                else
                {
                    _pixelColumns.Apply(_columns, _sums.Pointer, destination, y);
                }
            }
        }
    }

    /// <summary>A row of pixels as it lies.</summary>
    private static void Widen(byte* pixels, int length, float* result)
    {
        int i = 0;
        for (; i + Lanes <= length; i += Lanes)
        {
            Vector256<ushort> sixteen = Vector256.WidenLower(Vector128.Load(pixels + i).ToVector256Unsafe());
            Vector512.ConvertToSingle(Vector512.WidenLower(sixteen.ToVector512Unsafe()).AsInt32()).Store(result + i);
        }

        for (; i < length; i++)
        {
            result[i] = pixels[i];
        }
    }

    /// <summary>A row of pixels as rows of red, green and blue.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void WidenToPlanes(byte* pixels, int width, float* red, int pitch)
    {
        float* green = red + pitch, blue = green + pitch;
        if (width < Lanes)
        {
            for (int x = 0; x < width; x++, pixels += 3)
            {
                (red[x], green[x], blue[x]) = (pixels[0], pixels[1], pixels[2]);
            }

            return;
        }

        // Four pixels in each 128 bits, the last from byte 4 on, to read no byte too many: bytes 0, 3, 6 and 9 are red.
        Vector128<uint> four = Vector128.Create(0xFFFFFF00, 0xFFFFFF03, 0xFFFFFF06, 0xFFFFFF09);
        Vector256<uint> eight = Vector256.Create(four, four + Vector128.Create(4u));
        Vector512<uint> first = Vector512.Create(Vector256.Create(four, four), eight);
        Vector512<uint> second = first + Vector512<uint>.One, third = second + Vector512<uint>.One;
        for (int x = 0; x < width; x += Lanes)
        {
            // The last step may overlap the one before.
            int at = Math.Min(x, width - Lanes);
            byte* p = pixels + (3 * at);
            Vector512<byte> sixteen = Vector512.Create(
                Vector256.Create(Vector128.Load(p), Vector128.Load(p + 12)),
                Vector256.Create(Vector128.Load(p + 24), Vector128.Load(p + 32)));
            Vector512.ConvertToSingle(Avx512BW.Shuffle(sixteen, first.AsByte()).AsInt32()).Store(red + at);
            Vector512.ConvertToSingle(Avx512BW.Shuffle(sixteen, second.AsByte()).AsInt32()).Store(green + at);
            Vector512.ConvertToSingle(Avx512BW.Shuffle(sixteen, third.AsByte()).AsInt32()).Store(blue + at);
        }
    }

    /// <summary>Element i = sum over t of weights[t] times element i of row t, where row 0 lies in the slot given.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void SumRows(int slot, int ring, float* weights, nint taps, nint length)
    {
        float* begin = _widened.Pointer, end = begin + (ring * length), start = begin + (slot * length), sums = _sums.Pointer;
        for (nint i = 0; i < length; i += 3 * Lanes)
        {
            Vector512<float> a = default, b = default, c = default;
            float* row = start;
            for (nint t = 0; t < taps; t++)
            {
                Vector512<float> weight = Vector512.Create(weights[t]);
                a = Vector512.FusedMultiplyAdd(Vector512.Load(row + i), weight, a);
                b = Vector512.FusedMultiplyAdd(Vector512.Load(row + i + Lanes), weight, b);
                c = Vector512.FusedMultiplyAdd(Vector512.Load(row + i + (2 * Lanes)), weight, c);
                row += length;
                row = row == end ? begin : row;
            }

            a.Store(sums + i);
            b.Store(sums + i + Lanes);
            c.Store(sums + i + (2 * Lanes));
        }
    }
}
