using System.Globalization;
using System.Text;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The binary distributions of CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
/// 2009) and of STL-10 (Coates, Ng and Lee, AISTATS 2011), told by the names of their files.
/// </summary>
internal static class BinarySets
{
    private static readonly PlanarFormat Cifar10 = new(Side: 32, HeaderLength: 1, ColumnMajor: false);
    private static readonly PlanarFormat Cifar100 = new(Side: 32, HeaderLength: 2, ColumnMajor: false);
    private static readonly PlanarFormat Stl10 = new(Side: 96, HeaderLength: 0, ColumnMajor: true);

    /// <summary>Opens the set that the files make up; null where they are none of these.</summary>
    /// <exception cref="InvalidInputException">A file is missing or has a wrong length, or a label is out of range.</exception>
    public static SourceReaders? TryOpen(string source, IReadOnlyList<SourceFile> files)
    {
        ILookup<string, SourceFile> named = files.ToLookup(file => Path.GetFileName(file.Path), StringComparer.Ordinal);
        if (named.Contains("data_batch_1.bin"))
        {
            string[] classes = Names(named, "batches.meta.txt", 10);
            SourceFile[] batches = [.. Enumerable.Range(1, 5).Select(i => Find(source, named, $"data_batch_{i}.bin"))];
            return new SourceReaders(
                source, OpenCifar(batches, Cifar10, classes), OpenCifar([Find(source, named, "test_batch.bin")], Cifar10, classes));
        }

        if (named.Contains("train_X.bin"))
        {
            string[] classes = Names(named, "class_names.txt", 10);
            SourceFile? unlabeled = named["unlabeled_X.bin"].FirstOrDefault();
            return new SourceReaders(
                source,
                OpenStl(Find(source, named, "train_X.bin"), Find(source, named, "train_y.bin"), classes),
                OpenStl(Find(source, named, "test_X.bin"), Find(source, named, "test_y.bin"), classes),
                unlabeled is null ? null : new PlanarReader([unlabeled], Stl10, NoLabels(Records(unlabeled, Stl10)), []));
        }

        if (named.Contains("train.bin"))
        {
            string[] classes = Names(named, "fine_label_names.txt", 100);
            return new SourceReaders(
                source,
                OpenCifar([Find(source, named, "train.bin")], Cifar100, classes),
                OpenCifar([Find(source, named, "test.bin")], Cifar100, classes));
        }

        return null;
    }

    /// <summary>The label is the last byte of the header (CIFAR-100 has the coarse one before it).</summary>
    private static PlanarReader OpenCifar(SourceFile[] files, PlanarFormat format, string[] classes)
    {
        var labels = new List<int>();
        foreach (SourceFile file in files)
        {
            int records = Records(file, format);
            byte[] bytes = ReadAll(file);
            for (int i = 0; i < records; i++)
            {
                labels.Add(CheckLabel(file, bytes[(i * format.RecordLength) + format.HeaderLength - 1], classes.Length));
            }
        }

        return new PlanarReader(files, format, labels, classes);
    }

    /// <summary>Labels are bytes of a file of their own, from 1 on.</summary>
    private static PlanarReader OpenStl(SourceFile images, SourceFile labels, string[] classes)
    {
        int records = Records(images, Stl10);
        if (labels.Length != records)
        {
            throw new InvalidInputException($"{labels} has {labels.Length} labels; expected {records}, one for each image of {images}.");
        }

        return new PlanarReader([images], Stl10, [.. ReadAll(labels).Select(label => CheckLabel(labels, label - 1, classes.Length))], classes);
    }

    private static int CheckLabel(SourceFile file, int label, int classes) =>
        label >= 0 && label < classes
            ? label
            : throw new InvalidInputException($"{file} has a label out of range; expected one of {classes} classes: the file is damaged or of another kind.");

    private static int Records(SourceFile file, PlanarFormat format) =>
        file.Length > 0 && file.Length % format.RecordLength == 0
            ? (int)(file.Length / format.RecordLength)
            : throw new InvalidInputException(
                $"{file} has {file.Length} bytes; expected a multiple of {format.RecordLength}: it is cut short or of another kind, fetch it again.");

    private static int[] NoLabels(int count)
    {
        int[] labels = new int[count];
        Array.Fill(labels, -1);
        return labels;
    }

    /// <summary>Class names, one a line in the order of the labels; their numbers where the file is missing.</summary>
    private static string[] Names(ILookup<string, SourceFile> named, string file, int count)
    {
        string[] names = named[file].FirstOrDefault() is { } list
            ? Encoding.UTF8.GetString(ReadAll(list)).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : [];
        return names.Length == count && names.Distinct().Count() == count
            ? names
            : [.. Enumerable.Range(0, count).Select(i => i.ToString("D2", CultureInfo.InvariantCulture))];
    }

    private static SourceFile Find(string source, ILookup<string, SourceFile> named, string file) =>
        named[file].FirstOrDefault() ?? throw new InvalidInputException($"{source} has no {file}, which its other files belong with; fetch it again.");

    private static byte[] ReadAll(SourceFile file)
    {
        byte[] bytes = new byte[file.Length];
        file.Read(0, bytes);
        return bytes;
    }
}
