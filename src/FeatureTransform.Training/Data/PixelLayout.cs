using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Between interleaved pixels (R G B R G B ...) and planes, four or sixteen pixels at a time, and the normalisation with ImageNet's channel
/// means and standard deviations that torchvision's models expect.
/// </summary>
internal static unsafe class PixelLayout
{
    private const int Lanes = PlanarImage.Lanes;
    private const float MeanRed = 0.485f, MeanGreen = 0.456f, MeanBlue = 0.406f;
    private const float DeviationRed = 0.229f, DeviationGreen = 0.224f, DeviationBlue = 0.225f;

    /// <summary>Splits a row of interleaved pixels (readable up to the padded width) into row <paramref name="y"/> of the planes.</summary>
    public static void ToPlanes(float* pixels, PlanarImage image, int y)
    {
        long row = (long)y * image.Stride;
        float* red = image.Red + row, green = image.Green + row, blue = image.Blue + row;
        for (int x = 0; x < image.Stride; x += 4, pixels += 12)
        {
            // r0 g0 b0 r1 | g1 b1 r2 g2 | b2 r3 g3 b3
            Vector128<float> a = Vector128.Load(pixels), b = Vector128.Load(pixels + 4), c = Vector128.Load(pixels + 8);
            Vector128.Shuffle(Merge(a, c, b), Vector128.Create(0, 3, 2, 1)).Store(red + x);
            Vector128.Shuffle(Merge(b, a, c), Vector128.Create(1, 0, 3, 2)).Store(green + x);
            Vector128.Shuffle(Merge(c, b, a), Vector128.Create(2, 1, 0, 3)).Store(blue + x);
        }
    }

    /// <summary>Writes (value - mean) / deviation as S x S x 3.</summary>
    public static void Normalize(PlanarImage image, Span<float> destination)
    {
        int size = image.Size;
        if (destination.Length != size * size * 3)
        {
            throw new ArgumentException(
                $"The destination has {destination.Length} elements; {size} x {size} x 3 are expected.", nameof(destination));
        }

        fixed (float* start = destination)
        {
            for (int y = 0; y < size; y++)
            {
                NormalizeRow(image, y, start + ((long)y * size * 3));
            }
        }
    }

    private static void NormalizeRow(PlanarImage image, int y, float* pixels)
    {
        long row = (long)y * image.Stride;
        float* red = image.Red + row, green = image.Green + row, blue = image.Blue + row;
        int x = 0;
        if (Avx512F.IsSupported)
        {
            for (; x + Lanes <= image.Size; x += Lanes, pixels += 3 * Lanes)
            {
                NormalizeSixteen(red + x, green + x, blue + x, pixels);
            }
        }

        for (; x + 4 <= image.Size; x += 4, pixels += 12)
        {
            Vector128<float> r = Vector128.Shuffle(
                Scale(Vector128.Load(red + x), MeanRed, DeviationRed), Vector128.Create(0, 3, 2, 1));
            Vector128<float> g = Vector128.Shuffle(
                Scale(Vector128.Load(green + x), MeanGreen, DeviationGreen), Vector128.Create(1, 0, 3, 2));
            Vector128<float> b = Vector128.Shuffle(
                Scale(Vector128.Load(blue + x), MeanBlue, DeviationBlue), Vector128.Create(2, 1, 0, 3));
            Merge(r, g, b).Store(pixels);
            Merge(g, b, r).Store(pixels + 4);
            Merge(b, r, g).Store(pixels + 8);
        }

        for (; x < image.Size; x++, pixels += 3)
        {
            pixels[0] = Scale(Vector128.CreateScalar(red[x]), MeanRed, DeviationRed).ToScalar();
            pixels[1] = Scale(Vector128.CreateScalar(green[x]), MeanGreen, DeviationGreen).ToScalar();
            pixels[2] = Scale(Vector128.CreateScalar(blue[x]), MeanBlue, DeviationBlue).ToScalar();
        }
    }

    /// <summary>Puts two channels together, number 16 on being those of the second, and then the third among them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void NormalizeSixteen(float* red, float* green, float* blue, float* pixels)
    {
        Vector512<float> r = Scale(Vector512.Load(red), MeanRed, DeviationRed);
        Vector512<float> g = Scale(Vector512.Load(green), MeanGreen, DeviationGreen);
        Vector512<float> b = Scale(Vector512.Load(blue), MeanBlue, DeviationBlue);
        Vector512<float> low = Avx512F.PermuteVar16x32x2(r, Vector512.Create(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5), g);
        Vector512<float> middle = Avx512F.PermuteVar16x32x2(r, Vector512.Create(21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26), g);
        Vector512<float> high = Avx512F.PermuteVar16x32x2(r, Vector512.Create(0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0), g);
        Avx512F.PermuteVar16x32x2(low, Vector512.Create(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15), b).Store(pixels);
        Avx512F.PermuteVar16x32x2(middle, Vector512.Create(0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15), b).Store(pixels + Lanes);
        Avx512F.PermuteVar16x32x2(high, Vector512.Create(26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31), b).Store(pixels + (2 * Lanes));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scale(Vector512<float> value, float mean, float deviation) =>
        (value - Vector512.Create(mean)) * Vector512.Create(1 / deviation);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Scale(Vector128<float> value, float mean, float deviation) =>
        (value - Vector128.Create(mean)) * Vector128.Create(1 / deviation);

    /// <summary>Lanes 0 and 3 of <paramref name="a"/>, lane 1 of <paramref name="b"/>, lane 2 of <paramref name="c"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Merge(Vector128<float> a, Vector128<float> b, Vector128<float> c) =>
        Vector128.ConditionalSelect(
            Vector128.Create(0, -1, 0, 0).AsSingle(),
            b,
            Vector128.ConditionalSelect(Vector128.Create(0, 0, -1, 0).AsSingle(), c, a));
}
