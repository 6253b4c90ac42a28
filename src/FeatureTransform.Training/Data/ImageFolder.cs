namespace FeatureTransform.Training.Data;

/// <summary>
/// Splits and classes of a tree of image files, told by its folders:
/// <list type="bullet">
/// <item><c>train/CLASS/...</c> with <c>test/CLASS/...</c> or <c>val/CLASS/...</c>: training and test split;</item>
/// <item><c>CLASS/...</c>: a training split alone;</item>
/// <item>images without folders, at the top or in <c>train</c>: a training split without classes.</item>
/// </list>
/// Folders that hold the whole tree are passed over, so that a tree may be packed with or without a folder round it. Folders
/// inside a class belong to it. Hidden files and files that are no images by name are not looked at.
/// </summary>
internal static class ImageFolder
{
    private static readonly string[] Extensions = [".jpg", ".jpeg", ".png", ".webp"];
    private static readonly string[] TestFolders = ["test", "val"];

    private readonly record struct Item(string Path, SourceFile File);

    /// <summary>Finds the splits and classes among the files of a source.</summary>
    /// <param name="source">The source, for messages.</param>
    /// <param name="files">Its files in ordinal order of their paths.</param>
    /// <param name="progress">Told of images that lie beside the class folders and so belong to no class.</param>
    /// <exception cref="InvalidInputException">There is no image, or no training split.</exception>
    public static SourceReaders Open(string source, IReadOnlyList<SourceFile> files, IProgressReport progress)
    {
        List<Item> images = [.. files.Where(file => IsImage(file.Path)).Select(file => new Item(file.Path, file))];
        if (images.Count == 0)
        {
            throw new InvalidInputException(
                $"{source} holds no image; expected {string.Join(", ", Extensions)} files in folders named by their class, below train and test or at the top.");
        }

        while (Top(images[0].Path) is { } top && top != "train" && !TestFolders.Contains(top) && images.TrueForAll(item => Top(item.Path) == top))
        {
            images = Below(images, top);
        }

        List<Item> train = Below(images, "train");
        if (train.Count == 0)
        {
            return TestFolders.Any(name => Below(images, name).Count > 0)
                ? throw new InvalidInputException($"{source} has a test folder but no image in a folder 'train' beside it.")
                : new SourceReaders(source, Split(source, images, progress), null);
        }

        // ImageNet's test images come without labels, beside a val folder that has them.
        IImageReader? test = TestFolders.Select(name => Below(images, name)).Where(items => items.Exists(item => Top(item.Path) is not null))
            .Select(items => Split(source, items, progress)).FirstOrDefault();
        return new SourceReaders(source, Split(source, train, progress), test);
    }

    private static FileReader Split(string source, List<Item> items, IProgressReport progress)
    {
        string[] classes = [.. items.Select(item => Top(item.Path)).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
        if (classes.Length == 0)
        {
            return new FileReader([.. items.Select(item => item.File)], [.. items.Select(_ => -1)], classes);
        }

        List<Item> labeled = items.FindAll(item => Top(item.Path) is not null);
        if (labeled.Count < items.Count)
        {
            progress.Message($"{items.Count - labeled.Count} images of {source} lie beside the class folders and are not used.");
        }

        Dictionary<string, int> labels = classes.Index().ToDictionary(entry => entry.Item, entry => entry.Index);
        return new FileReader([.. labeled.Select(item => item.File)], [.. labeled.Select(item => labels[Top(item.Path)!])], classes);
    }

    private static bool IsImage(string path) =>
        Array.Exists(Extensions, extension => path.EndsWith(extension, StringComparison.OrdinalIgnoreCase))
        && !path.Split('/').Any(part => part.StartsWith('.') || part == "__MACOSX");

    /// <summary>The first folder of a path; null where it has none.</summary>
    private static string? Top(string path) => path.IndexOf('/') is >= 0 and var slash ? path[..slash] : null;

    private static List<Item> Below(List<Item> items, string folder) =>
        [.. items.Where(item => item.Path.StartsWith(folder + "/", StringComparison.Ordinal)).Select(item => item with { Path = item.Path[(folder.Length + 1)..] })];
}
