using System.Globalization;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Data;

/// <summary>Where images come from: opens what <see cref="DataOptions.Source"/> names.</summary>
internal static class ImageSource
{
    /// <summary>Name of the built-in procedural set.</summary>
    public const string Synthetic = "synthetic";

    /// <summary>Sets whose decoded images take at most this many bytes are kept in memory; larger ones are read on demand.</summary>
    public const long MemoryBudget = 2L << 30;

    /// <summary>
    /// Opens a source of images: <c>synthetic</c>, or a folder or archive of images or of CIFAR or STL-10 binary files
    /// (docs/data.md says how they are laid out). Keeps the classes of <see cref="DataOptions.ClassList"/> in both splits, then at
    /// most <see cref="DataOptions.TrainLimit"/> training images.
    /// </summary>
    /// <param name="options">Source, class list and limit.</param>
    /// <param name="seed">Seed of the synthetic images and of the choice that the limit makes.</param>
    /// <param name="progress">Told, from the calling thread, of the decoding and of what is left out.</param>
    /// <param name="memoryBudget">Bytes up to which the decoded images of a split are kept in memory.</param>
    /// <exception cref="InvalidInputException">The source cannot be used; the message says why.</exception>
    public static ImageSplits Open(DataOptions options, ulong seed, IProgressReport progress, long memoryBudget = MemoryBudget)
    {
        if (options.TrainLimit < 0)
        {
            throw new InvalidInputException($"The limit of training images is {options.TrainLimit}; expected 0 (all) or more.");
        }

        SourceReaders source = options.Source == Synthetic
            ? new SourceReaders(Synthetic, new SyntheticReader(seed, train: true), new SyntheticReader(seed, train: false))
            : throw new InvalidInputException("Only synthetic.");
        IImageSet train = Load(ImageSelection.Limit(source.Train, options.TrainLimit, seed), progress, memoryBudget);
        IImageSet? test = source.Test is null ? null : Load(source.Test, progress, memoryBudget);
        string description = string.Create(
            CultureInfo.InvariantCulture,
            $"{source.Name}: {train.Count:N0} training and {test?.Count ?? 0:N0} test images, {train.Classes.Count} classes");
        return new ImageSplits(description, train, test);
    }

    private static IImageSet Load(IImageReader reader, IProgressReport progress, long memoryBudget) =>
        EstimateBytes(reader) <= memoryBudget ? MemoryImageSet.Decode(reader, progress) : new StreamedImageSet(reader, progress);

    /// <summary>Bytes of all images decoded, from a few that lie all over the set: photographs differ in size.</summary>
    private static double EstimateBytes(IImageReader reader)
    {
        const int samples = 16;
        int count = reader.Labels.Count, step = Math.Max(1, count / samples), seen = 0;
        double bytes = 0;
        for (int i = 0; i < count; i += step)
        {
            try
            {
                bytes += reader.Read(i).Pixels.Length;
                seen++;
            }
            catch (UnreadableImageException)
            {
                // The set tells of it when it reads it.
            }
        }

        return bytes / Math.Max(1, seen) * count;
    }
}
