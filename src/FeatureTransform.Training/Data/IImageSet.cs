namespace FeatureTransform.Training.Data;

/// <summary>
/// Images in a fixed order. Reading is safe from several threads at once. An image that cannot be decoded is told of once and
/// replaced by the next one that can, so that what an index gives is the same on every read.
/// </summary>
internal interface IImageSet : IDisposable
{
    /// <summary>Images.</summary>
    int Count { get; }

    /// <summary>Names of the classes, in the order of the labels; empty where the set has none.</summary>
    IReadOnlyList<string> Classes { get; }

    /// <summary>Image <paramref name="index"/> in 0..Count-1.</summary>
    /// <param name="index">The image.</param>
    /// <param name="scratch">Where given, the pixels may lie in it.</param>
    /// <exception cref="InvalidInputException">More than 1 % of the images cannot be decoded.</exception>
    RgbImage Read(int index, PixelScratch? scratch = null);
}

/// <summary>What a source of images holds: those to train on, and those to test on where it has any.</summary>
/// <param name="Description">Name and sizes in a few words, for the person.</param>
/// <param name="Train">Images to train on.</param>
/// <param name="Test">Images to test on, with the classes of <paramref name="Train"/>, or null.</param>
/// <param name="Unlabeled">More images of the same kind without labels (STL-10 has some), or null.</param>
internal sealed record ImageSplits(string Description, IImageSet Train, IImageSet? Test, IImageSet? Unlabeled = null) : IDisposable
{
    /// <summary>Images to pretrain on: the unlabeled ones where there are some, else those to train on.</summary>
    public IImageSet Pretraining => Unlabeled ?? Train;

    /// <summary>Closes the sets.</summary>
    public void Dispose()
    {
        Train.Dispose();
        Test?.Dispose();
        Unlabeled?.Dispose();
    }
}
