using FeatureTransform.Training.Data;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

public sealed class ImageSourceTests : IDisposable
{
    private readonly TestFolder folder = new();
    private readonly RecordedProgress progress = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Synthetic_has_both_splits()
    {
        using ImageSplits splits = ImageSource.Open(new DataOptions { TrainLimit = 500 }, 1, progress);
        Assert.Equal((500, SyntheticImages.TestCount), (splits.Train.Count, splits.Test!.Count));
        Assert.Equal(splits.Train.Classes, splits.Test.Classes);
        Assert.Same(splits.Train, splits.Pretraining);
        Assert.Contains(("decoding", 500L, 500L), progress.Stages);
    }

    [Fact]
    public void The_limit_is_a_seeded_choice()
    {
        using ImageSplits all = ImageSource.Open(new DataOptions(), 1, progress);
        using ImageSplits first = ImageSource.Open(new DataOptions { TrainLimit = 100 }, 1, progress);
        using ImageSplits more = ImageSource.Open(new DataOptions { TrainLimit = 200 }, 1, progress);
        HashSet<string> Keys(IImageSet set) => [.. Enumerable.Range(0, set.Count).Select(i => Convert.ToHexString(set.Read(i).Pixels.Span))];
        HashSet<string> kept = Keys(first.Train);
        Assert.Equal(100, kept.Count);
        Assert.Subset(Keys(more.Train), kept);
        Assert.Subset(Keys(all.Train), kept);
        Assert.NotEqual(kept, [.. Enumerable.Range(0, 100).Select(i => Convert.ToHexString(all.Train.Read(i).Pixels.Span))]);
        Assert.NotEqual(LimitedLabels(2), LimitedLabels(1));
    }

    [Fact]
    public void A_folder_gives_ordinal_classes_and_files()
    {
        WriteTree(folder, "", Tree());
        folder.Write("train/Zebra/notes.txt", [1]);
        folder.Write("train/Zebra/.hidden.png", [1]);
        CheckTree(folder.Path);
    }

    [Theory]
    [InlineData("a.tar", "")]
    [InlineData("a.tar", "./")]
    [InlineData("a.tar.gz", "")]
    [InlineData("a.tgz", "some/top/")]
    public void An_archive_gives_what_its_folder_gives(string name, string prefix)
    {
        byte[] tar = ImageBytes.Tar(Tree().Select(file => (prefix + file.Path, file.Content)));
        CheckTree(folder.Write(name, name.EndsWith(".tar", StringComparison.Ordinal) ? tar : ImageBytes.GZip(tar)));
    }

    [Fact]
    public void Val_serves_where_test_has_no_classes()
    {
        WriteTree(folder, "", [.. Tree().Where(file => file.Path.StartsWith("train", StringComparison.Ordinal))]);
        folder.Write("test/1.png", ImageBytes.Plain(1, 1, 1));
        folder.Write("val/Zebra/1.png", ImageBytes.Plain(2, 2, 2));
        folder.Write("val/ant/1.png", ImageBytes.Plain(3, 3, 3));
        using ImageSplits splits = Open(folder.Path);
        Assert.Equal(2, splits.Test!.Read(0).Pixels.Span[0]);
    }

    [Fact]
    public void Class_folders_alone_are_a_training_split()
    {
        folder.Write("b/x/1.png", ImageBytes.Plain(2, 0, 0));
        folder.Write("a/1.png", ImageBytes.Plain(1, 0, 0));
        folder.Write("stray.png", ImageBytes.Plain(9, 0, 0));
        using ImageSplits splits = Open(folder.Path);
        Assert.Equal(["a", "b"], splits.Train.Classes);
        Assert.Equal([(1, 0), (2, 1)], Values(splits.Train));
        Assert.Null(splits.Test);
        Assert.Contains("1 images", Assert.Single(progress.Messages), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_without_folders_have_no_classes()
    {
        folder.Write("2.png", ImageBytes.Plain(2, 0, 0));
        folder.Write("10.PNG", ImageBytes.Plain(1, 0, 0));
        using ImageSplits splits = Open(folder.Path);
        Assert.Empty(splits.Train.Classes);
        Assert.Equal([(1, -1), (2, -1)], Values(splits.Train));
    }

    [Fact]
    public void A_class_list_keeps_its_classes_in_both_splits()
    {
        WriteTree(folder, "", Tree());
        folder.Write("train/extra/1.png", ImageBytes.Plain(50, 0, 0));
        string list = folder.Write("list.txt", "ant\r\n\nZebra\n"u8.ToArray());
        using ImageSplits splits = ImageSource.Open(new DataOptions { Source = folder.Path, ClassList = list }, 1, progress);
        Assert.Equal(["Zebra", "ant"], splits.Train.Classes);
        Assert.Equal([(1, 0), (2, 0), (3, 1)], Values(splits.Train));

        list = folder.Write("list.txt", "ant\n"u8.ToArray());
        using ImageSplits one = ImageSource.Open(new DataOptions { Source = folder.Path, ClassList = list }, 1, progress);
        Assert.Equal([(3, 0)], Values(one.Train));
        Assert.Equal([(5, 0)], Values(one.Test!));
    }

    [Fact]
    public void A_damaged_image_is_named_and_replaced()
    {
        for (int i = 0; i < 100; i++)
        {
            folder.Write($"{i:D3}.png", ImageBytes.Plain((byte)i, 0, 0));
        }

        folder.Write("099.png", ImageBytes.Plain(1, 2, 3)[..40]);
        var values = Enumerable.Range(0, 100).Select(i => ((byte)(i % 99), -1));
        using (ImageSplits kept = Open(folder.Path))
        {
            Assert.Equal(values, Values(kept.Train));
        }

        string message = Assert.Single(progress.Messages);
        Assert.Contains("1 of 100 images cannot be decoded (099.png", message, StringComparison.Ordinal);

        progress.Messages.Clear();
        using (ImageSplits streamed = ImageSource.Open(new DataOptions { Source = folder.Path }, 1, progress, memoryBudget: 100))
        {
            Assert.IsType<StreamedImageSet>(streamed.Train);
            Assert.Equal(values, Values(streamed.Train));
            Assert.Equal(values, Values(streamed.Train));
            Assert.Equal(message, Assert.Single(progress.Messages));
        }

        folder.Write("007.png", []);
        Refused(folder.Path, "2 of 100 images cannot be decoded (007.png is empty; 099.png");
        using ImageSplits late = ImageSource.Open(new DataOptions { Source = folder.Path }, 1, progress, memoryBudget: 100);
        Assert.Throws<InvalidInputException>(() => Values(late.Train));
    }

    [Fact]
    public void Bad_sources_are_refused_in_one_line()
    {
        Refused(Path.Combine(folder.Path, "none"), "There is no folder or archive");
        Refused(folder.Path, "holds no image");
        Refused(folder.Write("a.zip", [1, 2, 3]), "is a file of another kind");
        Refused(folder.Write("empty.tar", []), "is cut short");
        Refused(folder.Write("text.tar", [.. Enumerable.Repeat((byte)'x', 2000)]), "is cut short or damaged");
        Refused(folder.Write("text.tar.gz", [.. Enumerable.Repeat((byte)'x', 2000)]), "is cut short or damaged");
        folder.Write("test/a/1.png", ImageBytes.Plain(1, 1, 1));
        Refused(folder.Path, "has a test folder but no image in a folder 'train'");
        folder.Write("train/b/1.png", ImageBytes.Plain(1, 1, 1));
        Refused(folder.Path, "differ: b is in the training split only");
        Assert.Throws<InvalidInputException>(() => ImageSource.Open(new DataOptions { TrainLimit = -1 }, 1, progress));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_archive_cut_anywhere_is_refused(bool compressed)
    {
        // A tar is whole with the first of its two blocks of zeros.
        byte[] tar = ImageBytes.Tar(Tree()), whole = tar[..^512];
        for (int length = 0; length < whole.Length; length += 256)
        {
            byte[] cut = whole[..length];
            Refused(folder.Write(compressed ? "cut.tar.gz" : "cut.tar", compressed ? ImageBytes.GZip(cut) : cut), "is cut short");
        }

        if (compressed)
        {
            // The last part of the compressed stream holds the zeros; without them the images are all there.
            byte[] packed = ImageBytes.GZip(tar);
            for (int length = 0; length < packed.Length - 40; length += 7)
            {
                Refused(folder.Write("cut.tar.gz", packed[..length]), "is cut short");
            }
        }
    }

    [Fact]
    public void Bad_class_lists_are_refused()
    {
        void Check(string? list, string message)
        {
            string path = list is null ? Path.Combine(folder.Path, "none.txt") : folder.Write("list.txt", System.Text.Encoding.UTF8.GetBytes(list));
            var error = Assert.Throws<InvalidInputException>(() => ImageSource.Open(new DataOptions { ClassList = path }, 1, progress));
            Assert.Contains(message, error.Message, StringComparison.Ordinal);
        }

        Check(null, "cannot be read");
        Check("\n", "is empty");
        Check("discs\nsheep\ncows\n", "names sheep and 1 more, which synthetic does not have");
    }

    [Fact]
    public void The_cifar_10_archive_opens_where_it_is_present()
    {
        string? root = AppContext.BaseDirectory;
        while (root is not null && !File.Exists(Path.Combine(root, "FeatureTransform.Native.sln")))
        {
            root = Path.GetDirectoryName(root);
        }

        string archive = Path.Combine(root ?? ".", "..", "shared", "data", "cifar10.tar.gz");
        Assert.SkipUnless(File.Exists(archive), "there is no ../shared/data/cifar10.tar.gz here");
        using ImageSplits splits = ImageSource.Open(new DataOptions { Source = archive }, 1, progress);
        Assert.Equal((50_000, 10_000, 10), (splits.Train.Count, splits.Test!.Count, splits.Train.Classes.Count));
        Assert.Equal(5000, Enumerable.Range(0, 50_000).Count(i => splits.Train.Read(i).Label == 3));
        Assert.Empty(progress.Messages);
    }

    private static List<(string Path, byte[] Content)> Tree() =>
    [
        ("train/ant/1.png", ImageBytes.Plain(3, 0, 0)),
        ("train/Zebra/2.png", ImageBytes.Plain(2, 0, 0)),
        ("train/Zebra/10.png", ImageBytes.Plain(1, 0, 0)),
        ("test/Zebra/1.png", ImageBytes.Plain(4, 0, 0)),
        ("test/ant/1.png", ImageBytes.Plain(5, 0, 0)),
    ];

    private static void WriteTree(TestFolder folder, string prefix, List<(string Path, byte[] Content)> files) =>
        files.ForEach(file => folder.Write(prefix + file.Path, file.Content));

    private void CheckTree(string source)
    {
        using ImageSplits splits = Open(source);
        Assert.Equal(["Zebra", "ant"], splits.Train.Classes);
        Assert.Equal([(1, 0), (2, 0), (3, 1)], Values(splits.Train));
        Assert.Equal([(4, 0), (5, 1)], Values(splits.Test!));
        Assert.Empty(progress.Messages);
        using ImageSplits streamed = ImageSource.Open(new DataOptions { Source = source }, 1, progress, memoryBudget: 0);
        Assert.Equal(Values(splits.Train), Values(streamed.Train));
    }

    private int[] LimitedLabels(ulong seed)
    {
        using ImageSplits splits = ImageSource.Open(new DataOptions { TrainLimit = 50 }, seed, progress);
        return [.. Enumerable.Range(0, 50).Select(i => splits.Train.Read(i).Label)];
    }

    private ImageSplits Open(string source) => ImageSource.Open(new DataOptions { Source = source }, 1, progress);

    private void Refused(string source, string message)
    {
        var error = Assert.Throws<InvalidInputException>(() => Open(source));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>First byte and label of each image.</summary>
    private static (byte, int)[] Values(IImageSet set) =>
        [.. Enumerable.Range(0, set.Count).Select(i => (set.Read(i).Pixels.Span[0], set.Read(i).Label))];
}
