using BenchmarkDotNet.Attributes;
using FeatureTransform.Training.Data;
using SkiaSharp;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>
/// Augmentation on one thread with the MoCo v2 recipe, from decoded images: time of a pair (two views, normalised fp32), mean over
/// the random parameters of 256 pairs. 32 px: from 32 x 32, no blur. 224 px: from 500 x 375, blur on half of the views; from JPEG
/// the decoding, once for both views, is in the time.
/// </summary>
[MemoryDiagnoser]
public class DataPathBenchmark
{
    private const int Pairs = 256, Images = 16;
    private const double Noise = 44;

    private RgbImage[] _images = [];
    private byte[][] _files = [];
    private Augmenter _augmenter = null!;
    private float[] _view = [];

    /// <summary>Width of the views and size of the images they are made from.</summary>
    [Params("32 from 32x32", "224 from 500x375", "224 from 500x375 JPEG")]
    public string Views { get; set; } = "";

    /// <summary>Smooth colours under noise, of which a JPEG of quality 90 takes about 85 KB, as photographs of that size do.</summary>
    [GlobalSetup]
    public void Setup()
    {
        (int size, int width, int height) = Views[0] == '3' ? (32, 32, 32) : (224, 500, 375);
        var random = new Random(1);
        _images = new RgbImage[Images];
        for (int i = 0; i < Images; i++)
        {
            byte[] pixels = new byte[width * height * 3];
            double angle = random.NextDouble() * Math.PI;
            for (int p = 0; p < pixels.Length; p++)
            {
                double along = ((p / 3 % width * Math.Cos(angle)) + (p / 3 / width * Math.Sin(angle))) / 40;
                pixels[p] = (byte)Math.Clamp(128 + (70 * Math.Sin(along + (p % 3))) + (random.NextDouble() * Noise) - (Noise / 2), 0, 255);
            }

            _images[i] = new RgbImage(pixels, width, height, -1);
        }

        _files = Views.EndsWith("JPEG", StringComparison.Ordinal) ? [.. _images.Select(ToJpeg)] : [];

        _augmenter = new Augmenter(AugmentationRecipe.Named("moco-v2", size), size, seed: 1);
        _view = new float[size * size * 3];
    }

    /// <summary>One pair.</summary>
    [Benchmark(OperationsPerInvoke = Pairs)]
    public float Pair()
    {
        for (int i = 0; i < Pairs; i++)
        {
            RgbImage image = _files.Length > 0 ? ImageDecoder.Decode(_files[i % Images], "image", -1) : _images[i % Images];
            _augmenter.Apply(image, 0, i, 0, _view);
            _augmenter.Apply(image, 0, i, 1, _view);
        }

        return _view[0];
    }

    private static byte[] ToJpeg(RgbImage image)
    {
        using var bitmap = new SKBitmap(image.Width, image.Height);
        for (int p = 0; p < image.Width * image.Height; p++)
        {
            ReadOnlySpan<byte> pixel = image.Pixels.Span.Slice(p * 3, 3);
            bitmap.SetPixel(p % image.Width, p / image.Width, new SKColor(pixel[0], pixel[1], pixel[2]));
        }

        using SKData data = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        return data.ToArray();
    }
}
