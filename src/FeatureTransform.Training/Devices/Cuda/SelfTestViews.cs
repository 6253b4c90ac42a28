using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>The augmentation of MoCo v2 beside <see cref="Augmenter"/>.</summary>
internal static class SelfTestViews
{
    private const ulong Seed = 11;

    // In units of the normalised view: the tolerance that the tests hold the CPU to against fp64.
    private const double Bound = 2e-5;

    public static IEnumerable<SelfTestCheck> Run(SelfTestBench bench)
    {
        (int count, int size) = (bench.Views, bench.ViewSize);
        (int width, int height) = (size + (size / 4) + 1, size + (size / 8));
        AugmentationRecipe recipe = AugmentationRecipe.Named("moco-v2", size);
        byte[] pixels = new byte[width * height * 3];
        new Random(1).NextBytes(pixels);
        var image = new RgbImage(pixels, width, height, 0);
        var augmenter = new Augmenter(recipe, size, Seed);
        int elements = size * size * 3;
        float[] expected = new float[count * elements];
        var views = new AugmentView[count];
        for (int i = 0; i < count; i++)
        {
            augmenter.Apply(image, 0, i, 0, expected.AsSpan(i * elements, elements));
            views[i] = DeviceViews.Of(recipe, ViewParameters.Draw(recipe, Seed, 0, i, 0, width, height), size, 0, width);
        }

        var augment = new Augment(bench.Kernels, ElementType.Float32, size, GaussianBlur.Radius(size));
        var args = new AugmentArgs
        {
            Views = bench.Memory.Upload<AugmentView>(views),
            Images = bench.Memory.Upload<byte>(pixels),
            Planes = bench.Memory.Room((long)expected.Length * sizeof(float)),
            Sums = bench.Memory.Room((long)count * Augment.Sums(size) * sizeof(double)),
            Output = bench.Memory.Room((long)expected.Length * sizeof(float)),
            Size = (uint)size,
            Channels = 3,
        };
        augment.Launch(bench.Stream, count, args);
        double error = SelfTestError.Largest(expected, bench.Memory.Read<float>(args.Output, expected.Length));
        yield return new(
            $"augmentation, {count} views of {size} pixels: largest", error, Bound, bench.Time(() => augment.Launch(bench.Stream, count, args)));
    }
}
