using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Tests.Evaluation;

/// <summary>Images of a test, in memory.</summary>
internal sealed class MemoryImageSet(IReadOnlyList<RgbImage> images, params string[] classes) : IImageSet
{
    public int Count => images.Count;

    public IReadOnlyList<string> Classes => classes;

    public RgbImage Read(int index, PixelScratch? scratch = null) => images[index];

    /// <summary>Images of one colour with a little noise: the class is the colour.</summary>
    public static MemoryImageSet Colours(int count, int size, int classes, int seed)
    {
        var random = new Random(seed);
        var images = new RgbImage[count];
        for (int i = 0; i < count; i++)
        {
            var pixels = new byte[size * size * 3];
            for (int p = 0; p < pixels.Length; p++)
            {
                pixels[p] = (byte)(40 + (p % 3 == i % classes ? 120 : 0) + random.Next(40));
            }

            images[i] = new RgbImage(pixels, size, size, i % classes);
        }

        return new MemoryImageSet(images, [.. Enumerable.Range(0, classes).Select(c => $"class{c}")]);
    }

    public void Dispose()
    {
    }
}

/// <summary>Keeps what a command reports.</summary>
internal sealed class RecordedReport : IProgressReport
{
    public List<(string Name, long Done, long Total)> Stages { get; } = [];

    public void Message(string text)
    {
    }

    public void Stage(string name, long done, long total) => Stages.Add((name, done, total));
}
