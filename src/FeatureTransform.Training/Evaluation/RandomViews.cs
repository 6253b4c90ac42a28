using System.Collections.Concurrent;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Evaluation;

/// <summary>What an encoder gets to see of image <paramref name="index"/>, S x S x 3; called from several threads at once.</summary>
internal delegate void ImageView(in RgbImage image, int index, Span<float> pixels);

/// <summary>A random view of each image an epoch, each a pure function of (seed, epoch, image index).</summary>
/// <param name="recipe">What is done to an image.</param>
/// <param name="size">S, width and height of a view in pixels.</param>
/// <param name="seed">Seed of the views.</param>
internal sealed class RandomViews(AugmentationRecipe recipe, int size, ulong seed)
{
    private const int Number = 2; // pretraining draws views 0 and 1
    private readonly ConcurrentBag<Augmenter> augmenters = []; // one a thread at work

    /// <summary>The views of one epoch.</summary>
    public ImageView Of(int epoch) => (in RgbImage image, int index, Span<float> pixels) =>
    {
        Augmenter augmenter = augmenters.TryTake(out Augmenter? free) ? free : new(recipe, size, seed);
        augmenter.Apply(image, epoch, index, Number, pixels);
        augmenters.Add(augmenter);
    };
}
