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
            : OpenFiles(options.Source, progress);
        if (options.ClassList is not null)
        {
            source = ClassList.Apply(options.ClassList, source);
        }

        CheckSameClasses(source);
        IImageSet Load(IImageReader reader) => LoadSet(reader, progress, memoryBudget);
        IImageReader Limit(IImageReader reader) => ImageSelection.Limit(reader, options.TrainLimit, seed);
        IImageSet train = Load(Limit(source.Train));
        IImageSet? test = source.Test is null ? null : Load(source.Test);
        IImageSet? unlabeled = source.Unlabeled is null ? null : Load(Limit(source.Unlabeled));
        return new ImageSplits(Describe(source.Name, train, test, unlabeled), train, test, unlabeled);
    }

    private static SourceReaders OpenFiles(string source, IProgressReport progress)
    {
        IReadOnlyList<SourceFile> files = SourceFiles.List(source);
        return BinarySets.TryOpen(source, files) ?? ImageFolder.Open(source, files, progress);
    }

    private static void CheckSameClasses(SourceReaders source)
    {
        if (source.Test is not null && !source.Test.Classes.SequenceEqual(source.Train.Classes))
        {
            string different = source.Train.Classes.Except(source.Test.Classes).Select(name => $"{name} is in the training split only")
                .Concat(source.Test.Classes.Except(source.Train.Classes).Select(name => $"{name} is in the test split only")).First();
            throw new InvalidInputException(
                $"The classes of the splits of {source.Name} differ: {different}; expected the same class folders in both, or a class list of those to use.");
        }
    }

    private static string Describe(string name, IImageSet train, IImageSet? test, IImageSet? unlabeled)
    {
        List<string> parts = [string.Create(CultureInfo.InvariantCulture, $"{train.Count:N0} training images")];
        if (unlabeled is not null)
        {
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{unlabeled.Count:N0} unlabeled"));
        }

        if (test is not null)
        {
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{test.Count:N0} test images"));
        }

        parts.Add(train.Classes.Count == 0 ? "no classes" : string.Create(CultureInfo.InvariantCulture, $"{train.Classes.Count} classes"));
        return $"{name}: {string.Join(", ", parts)}";
    }

    private static IImageSet LoadSet(IImageReader reader, IProgressReport progress, long memoryBudget) =>
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
