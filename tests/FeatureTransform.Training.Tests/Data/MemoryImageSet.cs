using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>Random images in memory, some of which cannot be read.</summary>
internal sealed class MemoryImageSet(int count, int width, int height) : IImageSet
{
    private readonly RgbImage[] _images = [.. Enumerable.Range(0, count).Select(i => Random(width, height, i))];

    /// <summary>Thrown where this image is read; -1 for none.</summary>
    public int Broken { get; init; } = -1;

    public int Count => count;

    public IReadOnlyList<string> Classes => [];

    /// <summary>Blocks of colour with noise over them: edges, gradients and extreme values.</summary>
    public static RgbImage Random(int width, int height, int seed)
    {
        var random = new Random(seed);
        byte[] colors = new byte[4 * 4 * 3], pixels = new byte[width * height * 3];
        random.NextBytes(colors);
        for (int i = 0; i < pixels.Length; i++)
        {
            int x = i / 3 % width * 4 / width, y = i / 3 / width * 4 / height;
            pixels[i] = (byte)Math.Clamp(colors[(((y * 4) + x) * 3) + (i % 3)] + random.Next(-60, 60), 0, 255);
        }

        return new RgbImage(pixels, width, height, -1);
    }

    public RgbImage Read(int index, PixelScratch? scratch = null) =>
        index == Broken ? throw new InvalidInputException($"image {index} is broken") : _images[index];

    public void Dispose()
    {
    }
}
