using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Native.Tests.Cuda;
using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>
/// augment_resize, augment_color and augment_blur against fp64, at most twice as far from it as the CPU is; each derived class
/// brings a kind of device.
/// </summary>
public abstract class AugmentTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const ulong Seed = 11;
    private const int Epoch = 3, ViewsOfAnImage = 4;

    // Two roundings of a normalised value, which is below 4.
    private const double Floor = 1e-6;

    [Theory]
    [InlineData("moco-v1", 1, 3, 5, 7)]
    [InlineData("moco-v1", 32, 4, 32, 32)]
    [InlineData("moco-v1", 33, 3, 61, 47)]
    [InlineData("moco-v2", 40, 8, 37, 90)]
    [InlineData("moco-v2", 61, 5, 101, 67)]
    public void Views_are_as_near_to_the_definition_as_the_CPU(string name, int size, int channels, int width, int height)
    {
        AugmentationRecipe recipe =
            AugmentationRecipe.Named(name, size) with { SolariseProbability = 0.3, SolariseThreshold = 0.503 };
        int? radius = recipe.BlurProbability > 0 ? GaussianBlur.Radius(size) : null;
        Batch batch = Views(recipe, size, [(width, height), (size, size), (height, width)]);
        float[] cpu = [.. batch.Images.SelectMany((image, i) =>
        {
            float[] view = new float[size * size * 3];
            new Augmenter(recipe, size, Seed).Apply(image, Epoch, i, i & 1, view);
            return view;
        })];
        double[] oracle = [.. batch.Images.SelectMany(
            (image, i) => AugmentationOracle.View(image, recipe, batch.Parameters[i], size).Cast<double>())];
        using KernelDevice device = TDevice.Open();
        Check(device, batch, size, channels, radius, oracle, cpu);
    }

    [Theory]
    [InlineData(33, 33, 33)]
    [InlineData(32, 97, 41)]
    [InlineData(48, 20, 33)]
    public void Views_for_evaluation_are_as_near_to_the_definition_as_the_CPU(int size, int width, int height)
    {
        RgbImage image = MemoryImageSet.Random(width, height, 3);
        float[] cpu = new float[size * size * 3];
        new EvaluationTransform(size).Apply(image, cpu);
        PixelRectangle window = EvaluationTransform.Window(size, width, height);
        double[,,] whole = AugmentationOracle.Resize(image, new PixelRectangle(0, 0, width, height), window.Width, window.Height);
        double[,,] cut = new double[size, size, 3];
        for (int i = 0; i < cut.Length; i++)
        {
            (int y, int x, int c) = (i / 3 / size, i / 3 % size, i % 3);
            cut[y, x, c] = whole[window.Top + y, window.Left + x, c];
        }

        using KernelDevice device = TDevice.Open();
        var batch = new Batch([image], [DeviceViews.ForEvaluation(size, 0, width, height)], []);
        Check(device, batch, size, 4, null, [.. AugmentationOracle.Normalize(cut).Cast<double>()], cpu);
    }

    [Fact]
    public void A_blur_may_want_more_shared_memory_than_a_kernel_has_without_asking()
    {
        // Of so narrow a blur the taps beyond the CPU's radius of 3 are below 1e-9.
        const int size = 70, radius = 32;
        AugmentationRecipe recipe = new() { BlurProbability = 1, BlurSigma = (0.3, 0.6) };
        Batch batch = Views(recipe, size, [(80, 75)]);
        batch = batch with { Images = batch.Images[..1], Views = batch.Views[..1] };
        float[] cpu = new float[size * size * 3];
        new Augmenter(recipe, size, Seed).Apply(batch.Images[0], Epoch, 0, 0, cpu);
        double[] oracle = [.. AugmentationOracle.View(batch.Images[0], recipe, batch.Parameters[0], size).Cast<double>()];
        Assert.True(Augment.BlurSharedBytes(radius) > 48 << 10);
        using KernelDevice device = TDevice.Open();
        Check(device, batch, size, 3, radius, oracle, cpu);
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        const int size = 45;
        AugmentationRecipe recipe = AugmentationRecipe.Named("moco-v2", size);
        Batch batch = Views(recipe, size, [(50, 60)]);
        float[] views = Run<float>(device, ElementType.Float32, batch, size, 4, GaussianBlur.Radius(size));
        return [.. views.SelectMany(BitConverter.GetBytes)];
    }

    // The device against fp64, and its bf16 against its fp32; the channels of padding are zero.
    private static void Check(KernelDevice device, Batch batch, int size, int channels, int? radius, double[] oracle, float[] cpu)
    {
        float[] all = Run<float>(device, ElementType.Float32, batch, size, channels, radius);
        float[][] pixels = [.. all.Chunk(channels)];
        Assert.All(pixels, pixel => Assert.All(pixel[3..], x => Assert.Equal(0, x)));
        Accuracy.Check($"view of {size} pixels", 2, Floor, oracle, cpu, [.. pixels.SelectMany(pixel => pixel[..3])]);
        ushort[] half = Run<ushort>(device, ElementType.BFloat16, batch, size, channels, radius);
        Accuracy.SameBits("bf16", Bf16.Round(all), half);
    }

    private static T[] Run<T>(KernelDevice device, ElementType type, Batch batch, int size, int channels, int? radius)
        where T : unmanaged
    {
        int views = batch.Views.Length;
        DeviceArray<float> planes = device.Poisoned<float>(views * 3 * size * size);
        DeviceArray<double> sums = device.Poisoned<double>(views * Augment.Sums(size));
        DeviceArray<T> output = device.Poisoned<T>(views * size * size * channels);
        new Augment(device.Kernels, type, size, radius).Launch(device.Stream, views, new AugmentArgs
        {
            Views = device.Upload<AugmentView>(batch.Views).Address,
            Images = device.Upload<byte>([.. batch.Images.Distinct().SelectMany(image => image.Pixels.ToArray())]).Address,
            Planes = planes.Address,
            Sums = sums.Address,
            Output = output.Address,
            Size = (uint)size,
            Channels = (uint)channels,
        });
        _ = planes.Read();
        _ = sums.Read();
        return output.Read();
    }

    // Several views of each of several images, which lie one behind the other.
    private static Batch Views(AugmentationRecipe recipe, int size, (int Width, int Height)[] sizes)
    {
        var (images, views, parameters) = (new List<RgbImage>(), new List<AugmentView>(), new List<ViewParameters>());
        long pixels = 0;
        foreach ((int width, int height) in sizes)
        {
            RgbImage image = MemoryImageSet.Random(width, height, width + sizes.Length + images.Count);
            for (int i = 0; i < ViewsOfAnImage; i++)
            {
                ViewParameters choices = ViewParameters.Draw(recipe, Seed, Epoch, images.Count, images.Count & 1, width, height);
                images.Add(image);
                parameters.Add(choices);
                views.Add(DeviceViews.Of(recipe, choices, size, pixels, width));
            }

            pixels += image.Pixels.Length;
        }

        return new Batch([.. images], [.. views], [.. parameters]);
    }

    /// <summary>A batch: the image of each view, what the device is told of it, and the choices behind that.</summary>
    private sealed record Batch(RgbImage[] Images, AugmentView[] Views, ViewParameters[] Parameters);
}

public sealed class AugmentOnEmulator : AugmentTests<OnEmulator>;

public sealed class AugmentOnErringEmulator : AugmentTests<OnErringEmulator>;

public sealed class AugmentOnGpu : AugmentTests<OnGpu>;
