using FeatureTransform.Native;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Some of the images of a reader, in its order, and the classes they keep. Which images a limit keeps is the first part of
/// a seeded shuffle: the images with the smallest random words.
/// </summary>
internal sealed class ImageSelection : IImageReader
{
    // Ranks 0 and 1 of the use belong to the synthetic images.
    private const uint LimitRank = 2;

    private readonly IImageReader reader;
    private readonly int[] indices;

    private ImageSelection(IImageReader reader, int[] indices, IReadOnlyList<string> classes, IReadOnlyList<int> labels) =>
        (this.reader, this.indices, Classes, Labels) = (reader, indices, classes, labels);

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <inheritdoc/>
    public IReadOnlyList<int> Labels { get; }

    /// <inheritdoc/>
    public RgbImage Read(int index, PixelScratch? scratch = null) => reader.Read(indices[index], scratch) with { Label = Labels[index] };

    /// <summary>Keeps at most <paramref name="limit"/> images (0: all).</summary>
    public static IImageReader Limit(IImageReader reader, int limit, ulong seed)
    {
        int count = reader.Labels.Count;
        if (limit == 0 || limit >= count)
        {
            return reader;
        }

        int[] order = [.. Enumerable.Range(0, count)];
        ulong[] words = Array.ConvertAll(order, i =>
        {
            PhiloxBlock block = Philox.Block(seed, 0, RandomUse.ImageSet, (ulong)i, LimitRank);
            return ((ulong)block.X << 32) | block.Y;
        });
        Array.Sort(words, order);
        int[] kept = order[..limit];
        Array.Sort(kept); // neighbours in an archive are read one after the other
        return new ImageSelection(reader, kept, reader.Classes, Array.ConvertAll(kept, i => reader.Labels[i]));
    }

    /// <summary>Keeps the images of some classes; labels are those of the kept names in ordinal order.</summary>
    public static IImageReader OfClasses(IImageReader reader, IReadOnlySet<string> names)
    {
        string[] classes = [.. reader.Classes.Where(names.Contains).Order(StringComparer.Ordinal)];
        int[] newLabel = [.. reader.Classes.Select(name => Array.IndexOf(classes, name))];
        int[] kept = [.. Enumerable.Range(0, reader.Labels.Count).Where(i => newLabel[reader.Labels[i]] >= 0)];
        return new ImageSelection(reader, kept, classes, Array.ConvertAll(kept, i => newLabel[reader.Labels[i]]));
    }
}
