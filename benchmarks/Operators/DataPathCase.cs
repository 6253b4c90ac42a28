using FeatureTransform.Training.Data;
using SkiaSharp;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>
/// Pairs of augmented views with the MoCo v2 recipe (two views, normalised fp32). 32 px: from 32 x 32, no blur. 224 px: from
/// 500 x 375, blur on half of the views; from JPEG the decoding, once for both views, is part of it.
/// </summary>
internal sealed class DataPathCase
{
    private const string Small = "32 from 32x32", Large = "224 from 500x375", Jpeg = "224 from 500x375 JPEG";
    private const int Quality = 90;
    private const double Noise = 44;

    /// <summary>Images, and pairs made at a time.</summary>
    public const int Images = 16;

    private readonly RgbImage[] images = new RgbImage[Images];
    private readonly byte[][] files;
    private readonly Augmenter augmenter;
    private readonly PixelScratch scratch = new();
    private readonly ViewBatch batch;

    /// <summary>Smooth colours under noise, of which a JPEG of quality 90 takes about 85 KB, as photographs of that size do.</summary>
    public DataPathCase(string name)
    {
        (Size, int width, int height) = name == Small ? (32, 32, 32) : (224, 500, 375);
        var random = new Random(1);
        for (int i = 0; i < Images; i++)
        {
            byte[] pixels = new byte[width * height * 3];
            double angle = random.NextDouble() * Math.PI;
            for (int p = 0; p < pixels.Length; p++)
            {
                double along = ((p / 3 % width * Math.Cos(angle)) + (p / 3 / width * Math.Sin(angle))) / 40;
                pixels[p] = (byte)Math.Clamp(128 + (70 * Math.Sin(along + (p % 3))) + (random.NextDouble() * Noise) - (Noise / 2), 0, 255);
            }

            images[i] = new RgbImage(pixels, width, height, -1);
        }

        Decodes = name == Jpeg;
        files = Decodes ? [.. images.Select(image => Encode(image, SKEncodedImageFormat.Jpeg))] : [];
        augmenter = new Augmenter(AugmentationRecipe.Named("moco-v2", Size), Size, seed: 1);
        batch = new ViewBatch(Images, Size);
        for (int i = 0; i < Images; i++)
        {
            batch.Indices[i] = i;
        }
    }

    /// <summary>The cases.</summary>
    public static IReadOnlyList<string> Names { get; } = [Small, Large, Jpeg];

    /// <summary>Width and height of a view.</summary>
    public int Size { get; }

    /// <summary>Whether decoding is part of the work.</summary>
    public bool Decodes { get; }

    /// <summary>Makes a pair of each image, as a thread of <see cref="PairLoader"/> does; returns a value of one.</summary>
    /// <param name="epoch">Determines what is drawn.</param>
    public float MakePairs(int epoch)
    {
        using var set = new ImageSet(images, files);
        batch.Epoch = epoch;
        for (int slice = 0; slice < batch.Slices; slice++)
        {
            batch.Fill(slice, set, augmenter, scratch, CancellationToken.None);
        }

        return batch.View1[0];
    }

    /// <summary>Writes the images to a folder, as JPEG where decoding is part of the work and without loss otherwise.</summary>
    public void WriteTo(string folder)
    {
        for (int i = 0; i < Images; i++)
        {
            File.WriteAllBytes(
                Path.Combine(folder, Decodes ? $"{i}.jpg" : $"{i}.png"), Decodes ? files[i] : Encode(images[i], SKEncodedImageFormat.Png));
        }
    }

    private static byte[] Encode(RgbImage image, SKEncodedImageFormat format)
    {
        byte[] rgba = new byte[image.Width * image.Height * 4];
        for (int p = 0; p < image.Width * image.Height; p++)
        {
            image.Pixels.Span.Slice(p * 3, 3).CopyTo(rgba.AsSpan(p * 4));
            rgba[(p * 4) + 3] = byte.MaxValue;
        }

        var info = new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using SKImage pixels = SKImage.FromPixelCopy(info, rgba);
        using SKData data = pixels.Encode(format, Quality);
        return data.ToArray();
    }

    /// <summary>The images as they are or, where there are files, decoded from those.</summary>
    private sealed class ImageSet(RgbImage[] images, byte[][] files) : IImageSet
    {
        public int Count => images.Length;

        public IReadOnlyList<string> Classes => [];

        public RgbImage Read(int index, PixelScratch? scratch) =>
            files.Length > 0 ? ImageDecoder.Decode(files[index], "image", -1, scratch) : images[index];

        public void Dispose()
        {
            // Everything is in memory.
        }
    }
}
