namespace FeatureTransform.Trainer.Tests;

/// <summary>Arguments of a run that takes seconds, and a folder for it.</summary>
internal sealed class TinyRun : IDisposable
{
    public const int StepsPerEpoch = 8;
    public const int TrainLimit = 128;

    private readonly string folder = Directory.CreateTempSubdirectory("trainer").FullName;

    /// <summary>A path in the folder.</summary>
    public string this[string name] => Path.Combine(folder, name);

    /// <summary>Arguments of <c>pretrain</c>; a checkpoint after every step, k-NN on a handful of images.</summary>
    public static string[] Arguments(int epochs, params string[] more) =>
    [
        "pretrain", "--train-limit", $"{TrainLimit}", "--batch", $"{TrainLimit / StepsPerEpoch}", "--epochs", $"{epochs}", "--embedding", "16",
        "--queue-size", "40", "--warmup-steps", "4", "--checkpoint-every", "1", "--knn-k", "5", "--knn-bank", "64", "--knn-test", "64", "--ft-begin-epoch", "1",
        "--no-linear", .. more,
    ];

    /// <summary>A folder with an image folder in it: a few files of each class, in train and test.</summary>
    public string WriteImages(string name, string[] classes, int imagesPerClass = 4)
    {
        foreach (string split in new[] { "train", "test" })
        {
            foreach (string label in classes)
            {
                string path = Path.Combine(this[name], split, label);
                Directory.CreateDirectory(path);
                for (int i = 0; i < imagesPerClass; i++)
                {
                    File.WriteAllBytes(Path.Combine(path, $"{i}.png"), Png);
                }
            }
        }

        return this[name];
    }

    /// <summary>A valid PNG of 8 x 8 pixels.</summary>
    public static byte[] Png { get; } = MakePng();

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static byte[] MakePng()
    {
        using var bitmap = new SkiaSharp.SKBitmap(8, 8);
        bitmap.Erase(new SkiaSharp.SKColor(200, 100, 50));
        using SkiaSharp.SKData data = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Png, 100);
        return data.ToArray();
    }
}
