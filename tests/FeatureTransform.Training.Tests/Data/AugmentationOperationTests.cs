using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>Each operation against its definition in fp64.</summary>
public sealed unsafe class AugmentationOperationTests
{
    public static TheoryData<int> Sizes => [1, 3, 16, 31, 33, 97];

    [Theory]
    [InlineData(0f)]
    [InlineData(0.6f)]
    [InlineData(1.4f)]
    public void Factors_blend_as_defined(float factor)
    {
        foreach (int size in (int[])[1, 3, 16, 31, 33, 97])
        {
            Check(size, image => ColorKernels.Brightness(image, factor), image => AugmentationOracle.Brightness(image, factor));
            Check(
                size,
                image => ColorKernels.Contrast(image, factor, (float)(ColorKernels.AddLuma(image, 0) / ((double)size * size))),
                image => AugmentationOracle.Contrast(image, factor));
            Check(size, image => ColorKernels.Saturation(image, factor), image => AugmentationOracle.Saturation(image, factor));
        }
    }

    [Theory]
    [InlineData(-0.5f)]
    [InlineData(-0.1f)]
    [InlineData(0f)]
    [InlineData(1f / 6)]
    [InlineData(0.4f)]
    [InlineData(0.5f)]
    public void Hue_turns_the_colour_circle(float shift)
    {
        foreach (int size in (int[])[1, 31, 97])
        {
            Check(size, image => ColorKernels.Hue(image, shift), image => AugmentationOracle.Hue(image, shift));
        }
    }

    /// <summary>Corners and edges of the colour cube, where two channels tie: by hand, a third of a turn moves the channels on.</summary>
    [Fact]
    public void Hue_moves_channels_on_by_a_third_of_a_turn()
    {
        float[] levels = [0, 0.25f, 1];
        foreach (float r in levels)
        {
            foreach (float g in levels)
            {
                foreach (float b in levels)
                {
                    var image = new PlanarImage(1);
                    (*image.Red, *image.Green, *image.Blue) = (r, g, b);
                    ColorKernels.Hue(image, 1f / 3);
                    Assert.Equal(b, *image.Red, 1e-6f);
                    Assert.Equal(r, *image.Green, 1e-6f);
                    Assert.Equal(g, *image.Blue, 1e-6f);
                    ColorKernels.Hue(image, -1f / 3);
                    Assert.Equal(r, *image.Red, 1e-6f);
                    Assert.Equal(g, *image.Green, 1e-6f);
                    Assert.Equal(b, *image.Blue, 1e-6f);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Grayscale_solarise_and_normalisation_are_as_defined(int size)
    {
        Check(size, image => ColorKernels.Grayscale(image), AugmentationOracle.Grayscale);
        Check(size, image => ColorKernels.Solarise(image, 0.503f), image => AugmentationOracle.Solarise(image, 0.503f));

        (PlanarImage image, double[,,] reference) = Random(size);
        float[] normalized = new float[size * size * 3];
        PixelLayout.Normalize(image, normalized);
        Compare(AugmentationOracle.Normalize(reference), i => normalized[i], 2e-6);
        Assert.Throws<ArgumentException>(() => PixelLayout.Normalize(image, new float[normalized.Length + 1]));
    }

    [Theory]
    [InlineData(20, 0.1f)]
    [InlineData(33, 0.7f)]
    [InlineData(97, 2f)]
    [InlineData(112, 0.45f)]
    [InlineData(345, 3f)]
    public void Blur_is_the_mirrored_kernel(int size, float sigma)
    {
        var blur = new GaussianBlur(size);
        Check(
            size,
            image => blur.Apply(image, sigma),
            image => AugmentationOracle.Blur(image, GaussianBlur.Radius(size), sigma));
    }

    [Fact]
    public void Blur_has_a_kernel_of_23_at_224() => Assert.Equal(11, GaussianBlur.Radius(224));

    [Theory]
    [InlineData(1, 1, 0, 0, 1, 1, 5)]
    [InlineData(32, 32, 0, 0, 32, 32, 32)]
    [InlineData(32, 32, 3, 4, 17, 21, 32)]
    [InlineData(75, 50, 10, 2, 5, 3, 33)]
    [InlineData(75, 50, 0, 0, 75, 50, 33)]
    [InlineData(131, 90, 1, 0, 130, 90, 7)]
    [InlineData(300, 2, 7, 1, 290, 1, 17)]
    public void Resize_is_antialiased_bilinear(int width, int height, int left, int top, int cropWidth, int cropHeight, int size)
    {
        RgbImage image = MemoryImageSet.Random(width, height, size);
        var crop = new PixelRectangle(left, top, cropWidth, cropHeight);
        var resampler = new Resampler();
        foreach (bool flip in (bool[])[false, true])
        {
            var planes = new PlanarImage(size);
            resampler.Resize(image, crop, new PixelRectangle(0, 0, size, size), flip, planes);
            double[,,] expected = AugmentationOracle.Resize(image, crop, size, size);
            Compare(flip ? AugmentationOracle.Flip(expected) : expected, i => At(planes, i), 1e-6);
        }
    }

    [Theory]
    [InlineData(32, 32, 32)]
    [InlineData(61, 40, 32)]
    [InlineData(40, 61, 28)]
    [InlineData(20, 15, 28)]
    public void Evaluation_cuts_out_the_middle(int width, int height, int size)
    {
        RgbImage image = MemoryImageSet.Random(width, height, 3);
        float[] view = new float[size * size * 3];
        new EvaluationTransform(size).Apply(image, view);

        int shorter = size * 256 / 224;
        (int w, int h) = width == size && height == size ? (size, size)
            : width < height ? (shorter, shorter * height / width) : (shorter * width / height, shorter);
        double[,,] whole = AugmentationOracle.Resize(image, new PixelRectangle(0, 0, width, height), w, h);
        int left = (int)Math.Round((w - size) / 2.0), top = (int)Math.Round((h - size) / 2.0);
        var middle = new double[size, size, 3];
        for (int i = 0; i < middle.Length; i++)
        {
            int c = i % 3, x = i / 3 % size, y = i / 3 / size;
            middle[y, x, c] = whole[top + y, left + x, c];
        }

        Compare(AugmentationOracle.Normalize(middle), i => view[i], 5e-6);
    }

    private static void Check(int size, Action<PlanarImage> operation, Func<double[,,], double[,,]> definition)
    {
        (PlanarImage image, double[,,] reference) = Random(size);
        operation(image);
        Compare(definition(reference), i => At(image, i), 1e-6);
    }

    private static (PlanarImage Image, double[,,] Reference) Random(int size)
    {
        var image = new PlanarImage(size);
        var random = new Random(size);
        for (int i = 0; i < 3 * image.PlaneLength; i++)
        {
            // The padding is filled too: it must play no part.
            image.Red[i] = random.Next(8) == 0 ? random.Next(2) : random.NextSingle();
        }

        var reference = new double[size, size, 3];
        for (int i = 0; i < reference.Length; i++)
        {
            reference[i / 3 / size, i / 3 % size, i % 3] = At(image, i);
        }

        return (image, reference);
    }

    private static float At(PlanarImage image, int i) =>
        image.Red[((i % 3) * image.PlaneLength) + (i / 3 / image.Size * image.Stride) + (i / 3 % image.Size)];

    private static void Compare(double[,,] expected, Func<int, float> actual, double tolerance)
    {
        int i = 0;
        foreach (double value in expected)
        {
            Assert.True(Math.Abs(value - actual(i)) <= tolerance, $"element {i}: {actual(i)}, expected {value}");
            i++;
        }
    }
}
