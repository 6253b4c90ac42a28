using System.Text.Json;
using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>Whole views: against the definition in fp64, against torchvision, pure, and free of allocation.</summary>
public sealed class AugmenterTests
{
    private const ulong Seed = 11;

    // Image indices of a case start at its size, so that the cases differ in their choices.
    private const int Views = 12;

    // In units of the normalised view, whose deviations divide by about 0.225.
    private const double Tolerance = 2e-5;

    /// <summary>Sizes around a vector, images larger and smaller than the view; every operation occurs.</summary>
    public static TheoryData<string, int, int, int> Cases => new()
    {
        { "moco-v1", 32, 32, 32 },
        { "moco-v1", 33, 61, 47 },
        { "moco-v2", 48, 37, 90 },
        { "moco-v2", 61, 150, 101 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Views_are_as_defined(string name, int size, int width, int height)
    {
        AugmentationRecipe recipe = Recipe(name, size);
        RgbImage image = MemoryImageSet.Random(width, height, size);
        var augmenter = new Augmenter(recipe, size, Seed);
        float[] view = new float[size * size * 3];
        for (int i = 0; i < Views; i++)
        {
            augmenter.Apply(image, 3, size + i, i & 1, view);
            Compare([.. AugmentationOracle.View(image, recipe, Parameters(recipe, image, size, i), size).Cast<double>()], view, i);
        }
    }

    [Fact]
    public void Views_equal_torchvision()
    {
        string folder = Directory.CreateTempSubdirectory("augmentation").FullName;
        try
        {
            var tasks = new List<object>();
            var ours = new List<float[]>();
            foreach ((string name, int size, int width, int height) in Cases.Select(row => row.Data))
            {
                AugmentationRecipe recipe = Recipe(name, size);
                RgbImage image = MemoryImageSet.Random(width, height, size);
                string file = $"{name}-{size}.bin";
                File.WriteAllBytes(Path.Combine(folder, file), image.Pixels.ToArray());
                for (int i = 0; i < Views; i++)
                {
                    float[] view = new float[size * size * 3];
                    new Augmenter(recipe, size, Seed).Apply(image, 3, size + i, i & 1, view);
                    ours.Add(view);
                    tasks.Add(Task(recipe, image, size, file, Parameters(recipe, image, size, i)));
                }
            }

            File.WriteAllText(Path.Combine(folder, "in.json"), JsonSerializer.Serialize(tasks));
            PythonJudge.Run("augmentation.py", folder);
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, "out.bin"));
            int offset = 0;
            for (int i = 0; i < ours.Count; i++)
            {
                double[] theirs = new double[ours[i].Length];
                Buffer.BlockCopy(bytes, offset, theirs, 0, theirs.Length * sizeof(double));
                offset += theirs.Length * sizeof(double);
                Compare(theirs, ours[i], i);
            }

            Assert.Equal(bytes.Length, offset);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Cases_hold_every_operation()
    {
        ViewParameters[] all = [.. from row in Cases
                                   let recipe = Recipe(row.Data.Item1, row.Data.Item2)
                                   from i in Enumerable.Range(0, Views)
                                   select Parameters(recipe, MemoryImageSet.Random(row.Data.Item3, row.Data.Item4, 0), row.Data.Item2, i)];
        Assert.Contains(all, view => view.Flip);
        Assert.Contains(all, view => !view.Flip);
        Assert.Contains(all, view => view.Grayscale);
        Assert.Contains(all, view => !view.Jitter);
        Assert.Contains(all, view => view.BlurSigma > 0);
        Assert.Contains(all, view => view.Solarise);
        Assert.True(all.Where(view => view.Jitter).Select(view => view.JitterOrder).Distinct().Count() > 12);
    }

    [Fact]
    public void A_view_depends_on_nothing_but_its_place()
    {
        const int size = 40;
        AugmentationRecipe recipe = Recipe("moco-v2", size);
        RgbImage image = MemoryImageSet.Random(70, 50, 1), other = MemoryImageSet.Random(301, 200, 2);
        float[] Make(Augmenter augmenter, int epoch, long index, int view)
        {
            float[] destination = new float[size * size * 3];
            augmenter.Apply(image, epoch, index, view, destination);
            return destination;
        }

        var first = new Augmenter(recipe, size, Seed);
        float[][] forward = [.. Enumerable.Range(0, 20).Select(i => Make(first, 0, i, i & 1))];
        var second = new Augmenter(recipe, size, Seed);
        second.Apply(other, 9, 9, 1, new float[size * size * 3]);
        for (int i = 19; i >= 0; i--)
        {
            Assert.Equal(forward[i], Make(second, 0, i, i & 1));
        }

        Assert.NotEqual(forward[0], Make(first, 1, 0, 0));
        Assert.NotEqual(forward[0], Make(first, 0, 0, 1));
        Assert.NotEqual(forward[0], Make(first, 0, 1L << 33, 0));
        Assert.NotEqual(forward[0], Make(new Augmenter(recipe, size, Seed + 1), 0, 0, 0));
    }

    [Fact]
    public void Nothing_is_allocated_after_the_first_views()
    {
        const int size = 48;
        RgbImage image = MemoryImageSet.Random(90, 70, 1);
        var augmenter = new Augmenter(Recipe("moco-v2", size), size, Seed);
        var evaluation = new EvaluationTransform(size);
        float[] destination = new float[size * size * 3];
        void Run(int epoch)
        {
            for (int i = 0; i < 200; i++)
            {
                augmenter.Apply(image, epoch, i, 0, destination);
                evaluation.Apply(image, destination);
            }
        }

        Run(0);
        Run(1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(1);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static AugmentationRecipe Recipe(string name, int size) =>
        AugmentationRecipe.Named(name, size) with { SolariseProbability = 0.3, SolariseThreshold = 0.503 };

    private static ViewParameters Parameters(AugmentationRecipe recipe, RgbImage image, int size, int i) =>
        ViewParameters.Draw(recipe, Seed, 3, size + i, i & 1, image.Width, image.Height);

    private static object Task(AugmentationRecipe recipe, RgbImage image, int size, string file, ViewParameters view) => new
    {
        file,
        size,
        width = image.Width,
        height = image.Height,
        crop = new[] { view.Crop.Top, view.Crop.Left, view.Crop.Height, view.Crop.Width },
        gray_first = view.Grayscale && recipe.GrayscaleFirst,
        order = view.Jitter ? AugmentationOracle.Order(view.JitterOrder) : [],
        strengths = new[] { view.Brightness, view.Contrast, view.Saturation, view.Hue },
        gray_last = view.Grayscale && !recipe.GrayscaleFirst,
        blur_kernel = (2 * GaussianBlur.Radius(size)) + 1,
        blur_sigma = view.BlurSigma,
        threshold = view.Solarise ? recipe.SolariseThreshold : 2,
        flip = view.Flip,
    };

    private static void Compare(double[] expected, float[] actual, int view)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < actual.Length; i++)
        {
            Assert.True(
                Math.Abs(expected[i] - actual[i]) <= Tolerance, $"view {view}, element {i}: {actual[i]}, expected {expected[i]}");
        }
    }
}
