using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>Random images of given sizes in memory, some of which cannot be read.</summary>
internal sealed class MemoryImageSet(params (int Width, int Height)[] sizes) : IImageSet
{
    private readonly RgbImage[] _images = [.. sizes.Select((size, i) => Random(size.Width, size.Height, i))];

    public MemoryImageSet(int count, int width, int height)
        : this([.. Enumerable.Repeat((width, height), count)])
    {
    }

    /// <summary>Thrown where this image is read; -1 for none.</summary>
    public int Broken { get; init; } = -1;

    public int Count => sizes.Length;

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

    /// <summary>As a decoder does, puts the pixels into the scratch where it is given one.</summary>
    public RgbImage Read(int index, PixelScratch? scratch = null)
    {
        if (index == Broken)
        {
            throw new InvalidInputException($"image {index} is broken");
        }

        RgbImage image = _images[index];
        if (scratch is null)
        {
            return image;
        }

        Memory<byte> pixels = PixelScratch.Of(scratch, image.Pixels.Length);
        image.Pixels.CopyTo(pixels);
        return image with { Pixels = pixels };
    }

    public void Dispose()
    {
    }
}
