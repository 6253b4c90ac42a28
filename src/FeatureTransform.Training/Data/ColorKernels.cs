using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Training.Data;

/// <summary>
/// torchvision's colour operations on float images (torchvision.transforms.functional on tensors), in place, values in [0, 1].
/// </summary>
internal static unsafe class ColorKernels
{
    private const int Lanes = PlanarImage.Lanes;

    // ITU-R 601 luma as torchvision rounds it.
    private const float LumaRed = 0.2989f, LumaGreen = 0.587f, LumaBlue = 0.114f;

    /// <summary>x = min(factor x, 1).</summary>
    public static void Brightness(PlanarRows rows, float factor)
    {
        Vector512<float> f = Vector512.Create(factor), one = Vector512<float>.One;
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Vector512.MinNative(f * Vector512.Load(red + i), one).Store(red + i);
            Vector512.MinNative(f * Vector512.Load(green + i), one).Store(green + i);
            Vector512.MinNative(f * Vector512.Load(blue + i), one).Store(blue + i);
        }
    }

    /// <summary>x = clamp(factor x + (1 - factor) mean luma of the image).</summary>
    public static void Contrast(PlanarRows rows, float factor, float meanLuma)
    {
        Vector512<float> f = Vector512.Create(factor), rest = Vector512.Create((1 - factor) * meanLuma);
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Clamp(Vector512.FusedMultiplyAdd(f, Vector512.Load(red + i), rest)).Store(red + i);
            Clamp(Vector512.FusedMultiplyAdd(f, Vector512.Load(green + i), rest)).Store(green + i);
            Clamp(Vector512.FusedMultiplyAdd(f, Vector512.Load(blue + i), rest)).Store(blue + i);
        }
    }

    /// <summary>x = clamp(factor x + (1 - factor) luma of the pixel).</summary>
    public static void Saturation(PlanarRows rows, float factor)
    {
        Vector512<float> f = Vector512.Create(factor), restOfOne = Vector512.Create(1 - factor);
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Vector512<float> r = Vector512.Load(red + i), g = Vector512.Load(green + i), b = Vector512.Load(blue + i);
            Vector512<float> rest = restOfOne * Luma(r, g, b);
            Clamp(Vector512.FusedMultiplyAdd(f, r, rest)).Store(red + i);
            Clamp(Vector512.FusedMultiplyAdd(f, g, rest)).Store(green + i);
            Clamp(Vector512.FusedMultiplyAdd(f, b, rest)).Store(blue + i);
        }
    }

    /// <summary>
    /// Turns the hue of HSV by <paramref name="shift"/> of the circle. With value v = max, chroma c = max - min and hue h in
    /// [0, 6), each channel of the result is v - c + c clamp(m), where m is |h - 3| - 1 for red, 2 - |h - 2| for green and
    /// 2 - |h - 4| for blue: the sextants of the usual case distinction in one piece. Gray has c = 0 and stays as it is.
    /// </summary>
    public static void Hue(PlanarRows rows, float shift)
    {
        Vector512<float> one = Vector512<float>.One, two = Vector512.Create(2f), three = Vector512.Create(3f);
        Vector512<float> four = Vector512.Create(4f), six = Vector512.Create(6f), sixth = Vector512.Create(1f / 6);
        Vector512<float> tiny = Vector512.Create(float.Epsilon * (1 << 23)), turn = Vector512.Create(6 * shift);
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Vector512<float> r = Vector512.Load(red + i), g = Vector512.Load(green + i), b = Vector512.Load(blue + i);
            Vector512<float> max = Vector512.MaxNative(Vector512.MaxNative(r, g), b);
            Vector512<float> chroma = max - Vector512.MinNative(Vector512.MinNative(r, g), b);
            Vector512<float> redIsMax = Vector512.Equals(r, max), greenIsMax = Vector512.Equals(g, max);
            Vector512<float> difference = Vector512.ConditionalSelect(
                redIsMax, g - b, Vector512.ConditionalSelect(greenIsMax, b - r, r - g));
            Vector512<float> start = Vector512.ConditionalSelect(
                redIsMax, turn, Vector512.ConditionalSelect(greenIsMax, turn + two, turn + four));
            Vector512<float> h = (difference / Vector512.MaxNative(chroma, tiny)) + start;

            // Into [0, 6]; a rounding that ends at 6 instead of 0 is the same colour.
            h -= six * Vector512.Floor(h * sixth);
            Vector512<float> min = max - chroma;
            Vector512.FusedMultiplyAdd(chroma, Clamp(Vector512.Abs(h - three) - one), min).Store(red + i);
            Vector512.FusedMultiplyAdd(chroma, Clamp(two - Vector512.Abs(h - two)), min).Store(green + i);
            Vector512.FusedMultiplyAdd(chroma, Clamp(two - Vector512.Abs(h - four)), min).Store(blue + i);
        }
    }

    /// <summary>All three channels become the luma.</summary>
    public static void Grayscale(PlanarRows rows)
    {
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Vector512<float> luma = Luma(Vector512.Load(red + i), Vector512.Load(green + i), Vector512.Load(blue + i));
            luma.Store(red + i);
            luma.Store(green + i);
            luma.Store(blue + i);
        }
    }

    /// <summary>x = 1 - x where x is at least <paramref name="threshold"/>.</summary>
    public static void Solarise(PlanarRows rows, float threshold)
    {
        Vector512<float> limit = Vector512.Create(threshold);
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        for (nint i = 0; i < rows.Length; i += Lanes)
        {
            Solarised(Vector512.Load(red + i), limit).Store(red + i);
            Solarised(Vector512.Load(green + i), limit).Store(green + i);
            Solarised(Vector512.Load(blue + i), limit).Store(blue + i);
        }
    }

    /// <summary>Adds the luma of each pixel to a sum: sixteen fp32 sums a row, added up in double, so that many pixels cost no accuracy.</summary>
    public static double AddLuma(PlanarRows rows, double sum)
    {
        float* red = rows.Red, green = rows.Green, blue = rows.Blue;
        nint stride = rows.Stride;
        Vector512<float> lastLanes = Vector512.LessThan(
            Vector512<float>.Indices, Vector512.Create((float)(rows.Width - (stride - Lanes))));
        for (int y = 0; y < rows.Count; y++, red += stride, green += stride, blue += stride)
        {
            Vector512<float> row = default;
            for (nint x = 0; x < stride; x += Lanes)
            {
                Vector512<float> luma = Luma(Vector512.Load(red + x), Vector512.Load(green + x), Vector512.Load(blue + x));
                row += x + Lanes < stride ? luma : luma & lastLanes;
            }

            sum += Vector512.Sum(row);
        }

        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Solarised(Vector512<float> value, Vector512<float> limit) =>
        Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(value, limit), Vector512<float>.One - value, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Luma(Vector512<float> red, Vector512<float> green, Vector512<float> blue) =>
        Vector512.FusedMultiplyAdd(
            Vector512.Create(LumaRed),
            red,
            Vector512.FusedMultiplyAdd(Vector512.Create(LumaGreen), green, Vector512.Create(LumaBlue) * blue));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Clamp(Vector512<float> value) =>
        Vector512.MinNative(Vector512.MaxNative(value, Vector512<float>.Zero), Vector512<float>.One);
}
