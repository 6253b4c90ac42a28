namespace FeatureTransform.Training.Data;

/// <summary>
/// Images of one split as they lie in their source: labels are known, nothing is decoded until it is asked for. Reading is
/// safe from several threads at once; no file stays open between two reads.
/// </summary>
internal interface IImageReader
{
    /// <summary>Names of the classes, in the order of the labels; empty where the images have none.</summary>
    IReadOnlyList<string> Classes { get; }

    /// <summary>Label of each image; -1 where the images have no classes.</summary>
    IReadOnlyList<int> Labels { get; }

    /// <summary>Decodes image <paramref name="index"/>.</summary>
    /// <param name="index">The image.</param>
    /// <param name="scratch">Where given, the pixels may lie in it.</param>
    /// <exception cref="UnreadableImageException">It is damaged or no image.</exception>
    RgbImage Read(int index, PixelScratch? scratch = null);
}

/// <summary>One image that cannot be decoded: its name and why.</summary>
internal sealed class UnreadableImageException(string name, string reason) : Exception($"{name} {reason}");
