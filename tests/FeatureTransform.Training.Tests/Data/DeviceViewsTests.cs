using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>Views for the device, carried out here step by step, are those of the CPU's augmentation and evaluation.</summary>
public sealed class DeviceViewsTests
{
    private const ulong Seed = 5;

    [Theory]
    [InlineData("moco-v1", 32)]
    [InlineData("moco-v2", 48)]
    public void Carrying_out_a_view_gives_what_the_CPU_gives(string name, int size)
    {
        AugmentationRecipe recipe = AugmentationRecipe.Named(name, size) with { SolariseProbability = 0.3, SolariseThreshold = 0.4 };
        RgbImage image = MemoryImageSet.Random(53, 61, 3);
        var augmenter = new Augmenter(recipe, size, Seed);
        var (expected, actual) = (new float[size * size * 3], new float[size * size * 3]);
        var orders = new HashSet<uint>();
        for (int index = 0; index < 300; index++)
        {
            augmenter.Apply(image, 2, index, 1, expected);
            ViewParameters parameters = ViewParameters.Draw(recipe, Seed, 2, index, 1, image.Width, image.Height);
            AugmentView view = DeviceViews.Of(recipe, parameters, size, 77, image.Width);
            Assert.Equal(77UL, view.Pixels);
            Carry(view, image, size, actual);
            Assert.True(expected.AsSpan().SequenceEqual(actual), $"{name}, image {index}, operations {view.Operations:x}");
            orders.Add(view.Operations);
        }

        Assert.True(orders.Count >= 24, $"only {orders.Count} orders of operations occurred");
    }

    [Theory]
    [InlineData(32, 32)]
    [InlineData(97, 41)]
    [InlineData(20, 33)]
    public void Carrying_out_an_evaluation_gives_what_the_CPU_gives(int width, int height)
    {
        const int size = 32;
        RgbImage image = MemoryImageSet.Random(width, height, 3);
        var (expected, actual) = (new float[size * size * 3], new float[size * size * 3]);
        new EvaluationTransform(size).Apply(image, expected);
        Carry(DeviceViews.ForEvaluation(size, 0, width, height), image, size, actual);
        Assert.True(expected.AsSpan().SequenceEqual(actual));
    }

    private static void Carry(in AugmentView view, in RgbImage image, int size, float[] destination)
    {
        Assert.Equal(image.Width, view.Width);
        var planes = new PlanarImage(size);
        new Resampler().Resize(
            image,
            new PixelRectangle(view.Left, view.Top, view.CropWidth, view.CropHeight),
            new PixelRectangle(view.ResultLeft, view.ResultTop, view.ResultWidth, view.ResultHeight),
            view.Flip != 0,
            planes);
        for (uint left = view.Operations; left != 0; left >>= 4)
        {
            switch ((ColorOperation)(left & 15))
            {
                case ColorOperation.Brightness:
                    ColorKernels.Brightness(planes, view.Brightness);
                    break;
                case ColorOperation.Contrast:
                    ColorKernels.Contrast(planes, view.Contrast, (float)(ColorKernels.AddLuma(planes, 0) / ((double)size * size)));
                    break;
                case ColorOperation.Saturation:
                    ColorKernels.Saturation(planes, view.Saturation);
                    break;
                case ColorOperation.Hue:
                    ColorKernels.Hue(planes, view.Hue);
                    break;
                case ColorOperation.Grayscale:
                    ColorKernels.Grayscale(planes);
                    break;
                default:
                    Assert.Fail($"operation {left & 15}");
                    break;
            }
        }

        if (view.BlurSigma > 0)
        {
            new GaussianBlur(size).Apply(planes, view.BlurSigma);
        }

        if (view.Solarise <= 1)
        {
            ColorKernels.Solarise(planes, view.Solarise);
        }

        PixelLayout.Normalize(planes, destination);
    }
}
