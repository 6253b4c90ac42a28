using FeatureTransform.Training.Data;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

public sealed class BinarySetsTests : IDisposable
{
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cifar_10_is_read_plane_by_plane(bool archive)
    {
        List<(string Path, byte[] Content)> files = [("cifar/batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n"u8.ToArray())];
        for (int batch = 1; batch <= 5; batch++)
        {
            files.Add(($"cifar/data_batch_{batch}.bin", [(byte)batch, .. Planes(32, batch), 9, .. Planes(32, 2 * batch)]));
        }

        files.Add(("cifar/test_batch.bin", [7, .. Planes(32, 77)]));
        using ImageSplits splits = Open(archive ? folder.Write("c.tar.gz", ImageBytes.GZip(ImageBytes.Tar(files))) : WriteAll(files));
        Assert.Equal((10, 1), (splits.Train.Count, splits.Test!.Count));
        Assert.Equal(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"], splits.Train.Classes);
        CheckPixels(splits.Train.Read(4), 32, salt: 3, label: 3, columnMajor: false);
        CheckPixels(splits.Train.Read(9), 32, salt: 10, label: 9, columnMajor: false);
        CheckPixels(splits.Test.Read(0), 32, salt: 77, label: 7, columnMajor: false);
    }

    [Fact]
    public void Cifar_100_takes_the_fine_label()
    {
        folder.Write("train.bin", [19, 98, .. Planes(32, 1), 0, 2, .. Planes(32, 2)]);
        folder.Write("test.bin", [3, 42, .. Planes(32, 5)]);
        using ImageSplits splits = Open(folder.Path);
        Assert.Equal(100, splits.Train.Classes.Count);
        CheckPixels(splits.Train.Read(0), 32, salt: 1, label: 98, columnMajor: false);
        CheckPixels(splits.Test!.Read(0), 32, salt: 5, label: 42, columnMajor: false);
    }

    [Fact]
    public void Stl_10_is_read_column_by_column_with_its_unlabeled_images()
    {
        WriteStl();
        using ImageSplits splits = Open(folder.Path);
        CheckPixels(splits.Train.Read(1), 96, salt: 2, label: 0, columnMajor: true);
        CheckPixels(splits.Test!.Read(0), 96, salt: 3, label: 4, columnMajor: true);
        Assert.Same(splits.Unlabeled, splits.Pretraining);
        Assert.Empty(splits.Pretraining.Classes);
        CheckPixels(splits.Pretraining.Read(2), 96, salt: 12, label: -1, columnMajor: true);
    }

    [Fact]
    public void Damaged_files_are_refused()
    {
        folder.Write("train.bin", [0, 99, .. Planes(32, 1)]);
        Refused("has no test.bin");
        folder.Write("test.bin", [0, 1, .. Planes(32, 1)]);
        folder.Write("train.bin", [0, 100, .. Planes(32, 1)]);
        Refused("label out of range");
        folder.Write("train.bin", [0, 1, .. Planes(32, 1)[..^1]]);
        Refused("expected a multiple of 3074");
        WriteStl();
        folder.Write("train_y.bin", [1]);
        Refused("1 labels; expected 2");
        folder.Write("train_y.bin", [0, 1]);
        Refused("label out of range");
    }

    private void WriteStl()
    {
        folder.Write("train_X.bin", [.. Planes(96, 1), .. Planes(96, 2)]);
        folder.Write("train_y.bin", [10, 1]);
        folder.Write("test_X.bin", Planes(96, 3));
        folder.Write("test_y.bin", [5]);
        folder.Write("unlabeled_X.bin", [.. Planes(96, 10), .. Planes(96, 11), .. Planes(96, 12)]);
    }

    private string WriteAll(List<(string Path, byte[] Content)> files)
    {
        files.ForEach(file => folder.Write(file.Path, file.Content));
        return folder.Path;
    }

    private void Refused(string message) =>
        Assert.Contains(message, Assert.Throws<InvalidInputException>(() => Open(folder.Path)).Message, StringComparison.Ordinal);

    private static ImageSplits Open(string source) => ImageSource.Open(new DataOptions { Source = source }, 1, new RecordedProgress());

    /// <summary>Three planes in which every place of an image has its own value.</summary>
    private static byte[] Planes(int side, int salt) => [.. Enumerable.Range(0, side * side * 3).Select(i => Value(i, salt))];

    private static byte Value(int place, int salt) => (byte)((place * 7) + (place / 251) + salt);

    private static void CheckPixels(RgbImage image, int side, int salt, int label, bool columnMajor)
    {
        Assert.Equal((side, side, label), (image.Width, image.Height, image.Label));
        byte[] pixels = image.Pixels.ToArray();
        Assert.Equal(side * side * 3, pixels.Length);
        Assert.All(Enumerable.Range(0, pixels.Length), i =>
        {
            (int channel, int x, int y) = (i % 3, i / 3 % side, i / 3 / side);
            Assert.Equal(Value((channel * side * side) + (columnMajor ? (x * side) + y : (y * side) + x), salt), pixels[i]);
        });
    }
}
