using BenchmarkDotNet.Attributes;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Benchmarks;

/// <summary>
/// Augmentation on one thread with the MoCo v2 recipe, from decoded images: time of a pair (two views, normalised fp32), mean over
/// the random parameters of 256 pairs. 32 px: from 32 x 32, no blur. 224 px: from 500 x 375, blur on half of the views.
/// </summary>
[MemoryDiagnoser]
public class DataPathBenchmark
{
    private const int Pairs = 256, Images = 16;

    private RgbImage[] _images = [];
    private Augmenter _augmenter = null!;
    private float[] _view = [];

    /// <summary>Width of the views and size of the images they are made from.</summary>
    [Params("32 from 32x32", "224 from 500x375")]
    public string Views { get; set; } = "";

    /// <summary>Random pixels: no operation's time depends on them.</summary>
    [GlobalSetup]
    public void Setup()
    {
        (int size, int width, int height) = Views[0] == '3' ? (32, 32, 32) : (224, 500, 375);
        var random = new Random(1);
        _images = new RgbImage[Images];
        for (int i = 0; i < Images; i++)
        {
            byte[] pixels = new byte[width * height * 3];
            random.NextBytes(pixels);
            _images[i] = new RgbImage(pixels, width, height, -1);
        }

        _augmenter = new Augmenter(AugmentationRecipe.Named("moco-v2", size), size, seed: 1);
        _view = new float[size * size * 3];
    }

    /// <summary>One pair.</summary>
    [Benchmark(OperationsPerInvoke = Pairs)]
    public float Pair()
    {
        for (int i = 0; i < Pairs; i++)
        {
            _augmenter.Apply(_images[i % Images], 0, i, 0, _view);
            _augmenter.Apply(_images[i % Images], 0, i, 1, _view);
        }

        return _view[0];
    }
}
