using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>The choices behind the views: their ranges and how often they come.</summary>
public sealed class ViewParametersTests
{
    private const int Draws = 20_000;

    private static readonly AugmentationRecipe Recipe =
        AugmentationRecipe.Named("moco-v2", 224) with { SolariseProbability = 0.3 };

    [Fact]
    public void Crops_cover_the_ranges_of_area_and_ratio_evenly()
    {
        const int width = 2000, height = 1700;
        var areas = new List<double>();
        var ratios = new List<double>();
        foreach (ViewParameters view in Views(width, height))
        {
            PixelRectangle crop = view.Crop;
            Assert.True(crop.Left >= 0 && crop.Top >= 0 && crop.Left + crop.Width <= width && crop.Top + crop.Height <= height);
            areas.Add((double)crop.Width * crop.Height / (width * height));
            ratios.Add(Math.Log((double)crop.Width / crop.Height));
        }

        Assert.InRange(areas.Min(), 0.199, 0.202);
        Assert.InRange(areas.Max(), 0.98, 1.0);
        Assert.InRange(ratios.Min(), Math.Log(3.0 / 4) - 2e-3, Math.Log(3.0 / 4) + 2e-3);
        Assert.InRange(ratios.Max(), Math.Log(4.0 / 3) - 2e-3, Math.Log(4.0 / 3) + 2e-3);

        // Crops below half the area always fit, whatever their ratio: there both are uniform.
        double[] small = [.. areas.Where(a => a < 0.5)];
        Assert.Equal(0.35, small.Average(), 3 * 0.3 / Math.Sqrt(12 * small.Length));
        double[] ratiosOfSmall = [.. ratios.Where((_, i) => areas[i] < 0.5)];
        Assert.Equal(0, ratiosOfSmall.Average(), 3 * 2 * Math.Log(4.0 / 3) / Math.Sqrt(12 * small.Length));
    }

    [Fact]
    public void Crops_reach_every_corner()
    {
        PixelRectangle[] crops = [.. Views(20, 20).Select(view => view.Crop)];
        Assert.Contains(crops, crop => crop is { Left: 0, Top: 0, Width: < 12 });
        Assert.Contains(crops, crop => crop.Left + crop.Width == 20 && crop.Top + crop.Height == 20 && crop.Width < 12);
    }

    [Theory]
    [InlineData(1000, 10, 13, 10)]
    [InlineData(10, 1000, 10, 13)]
    [InlineData(1, 1, 1, 1)]
    public void Images_that_no_crop_fits_give_their_middle(int width, int height, int cropWidth, int cropHeight) =>
        Assert.All(Views(width, height).Take(500), view => Assert.Equal(
            new PixelRectangle((width - cropWidth) / 2, (height - cropHeight) / 2, cropWidth, cropHeight), view.Crop));

    [Fact]
    public void Operations_come_with_their_probabilities()
    {
        ViewParameters[] views = [.. Views(32, 32)];
        AssertShare(0.5, views, view => view.Flip);
        AssertShare(0.8, views, view => view.Jitter);
        AssertShare(0.2, views, view => view.Grayscale);
        AssertShare(0.5, views, view => view.BlurSigma > 0);
        AssertShare(0.3, views, view => view.Solarise);
        for (int order = 0; order < 24; order++)
        {
            AssertShare(1.0 / 24, views, view => view.JitterOrder == order);
        }

        // Two views of an image are independent of one another.
        AssertShare(0.5, [.. views.Chunk(2).Where(pair => pair[0].Flip).Select(pair => pair[1])], view => view.Flip);
        Assert.Equal(24, Enumerable.Range(0, 24).Select(order => string.Concat(AugmentationOracle.Order(order))).Distinct().Count());
    }

    [Fact]
    public void Strengths_are_uniform_in_their_ranges()
    {
        ViewParameters[] views = [.. Views(32, 32)];
        AssertUniform(0.6, 1.4, views, view => view.Brightness);
        AssertUniform(0.6, 1.4, views, view => view.Contrast);
        AssertUniform(0.6, 1.4, views, view => view.Saturation);
        AssertUniform(-0.1, 0.1, views, view => view.Hue);
        AssertUniform(0.1, 2, [.. views.Where(view => view.BlurSigma > 0)], view => view.BlurSigma);
    }

    [Fact]
    public void Recipes_are_those_published()
    {
        AugmentationRecipe v1 = AugmentationRecipe.Named("moco-v1", 224), v2 = AugmentationRecipe.Named("moco-v2", 32);
        Assert.Equal(
            (1, 0.4, 0.2, true, 0),
            (v1.JitterProbability, v1.Hue, v1.GrayscaleProbability, v1.GrayscaleFirst, v1.BlurProbability));
        Assert.Equal(
            (0.8, 0.1, 0.2, false, 0),
            (v2.JitterProbability, v2.Hue, v2.GrayscaleProbability, v2.GrayscaleFirst, v2.BlurProbability));
        Assert.Equal(0.5, AugmentationRecipe.Named("moco-v2", 33).BlurProbability);
        string message = Assert.Throws<InvalidInputException>(() => AugmentationRecipe.Named("moco", 32)).Message;
        Assert.Contains("moco-v1", message, StringComparison.Ordinal);
        Assert.Contains("moco-v2", message, StringComparison.Ordinal);
    }

    private static IEnumerable<ViewParameters> Views(int width, int height) =>
        Enumerable.Range(0, Draws).Select(i => ViewParameters.Draw(Recipe, 5, 2, i / 2, i % 2, width, height));

    private static void AssertShare(double p, ViewParameters[] views, Func<ViewParameters, bool> happened)
    {
        double share = (double)views.Count(happened) / views.Length;
        Assert.Equal(p, share, 4 * Math.Sqrt(p * (1 - p) / views.Length));
    }

    private static void AssertUniform(double min, double max, ViewParameters[] views, Func<ViewParameters, float> value)
    {
        double[] sorted = [.. views.Select(view => ((double)value(view) - min) / (max - min)).Order()];
        double distance = sorted.Select((x, i) => Math.Abs(x - ((i + 0.5) / sorted.Length))).Max();

        // Kolmogorov-Smirnov, 99.9 %.
        Assert.True(distance < 1.95 / Math.Sqrt(sorted.Length), $"distance {distance}");
    }
}
