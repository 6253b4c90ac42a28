using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Evaluation;

public sealed class KnnEvaluationTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(400, 150, 33, 7, 20, 0.07f)]
    [InlineData(97, 61, 5, 3, 97, 0.5f)]
    [InlineData(50, 1500, 4, 12, 1, 0.07f)]
    [InlineData(300, 200, 16, 10, 50, 0.001f)]
    public void Accuracy_is_that_of_the_vote_in_double(int bankSize, int testSize, int c, int classes, int k, float temperature)
    {
        FeatureSet bank = Blobs(bankSize, c, classes, 1), test = Blobs(testSize, c, classes, 2);
        KnnResult result = KnnEvaluation.Score(
            bank, test, classes, new KnnOptions { Neighbors = k, Temperature = temperature, Threads = 2 }, null, Token);
        (int first, int five) = (0, 0);
        for (int row = 0; row < testSize; row++)
        {
            var votes = new double[classes];
            foreach ((double cosine, int label) in Enumerable.Range(0, bankSize)
                .Select(j => (Cosine(test, row, bank, j), bank.Labels[j])).OrderByDescending(pair => pair.Item1).Take(k))
            {
                votes[label] += Math.Exp((cosine - 1) / temperature);
            }

            int[] order = [.. Enumerable.Range(0, classes).OrderByDescending(i => votes[i])];
            first += order[0] == test.Labels[row] ? 1 : 0;
            five += order.Take(5).Contains(test.Labels[row]) ? 1 : 0;
        }

        Assert.Equal(100.0 * first / testSize, result.Top1, 1e-9);
        Assert.Equal(100.0 * five / testSize, result.Top5, 1e-9);
        Assert.Equal((classes, bankSize, testSize), (result.Classes, result.Bank, result.Test));
        Assert.InRange(result.Top1, 100.0 / classes, 99.5); // neither trivial nor a guess
    }

    [Fact]
    public void Near_neighbours_outvote_many_far_ones_when_the_temperature_is_low()
    {
        // One neighbour of class 1 at cosine 1, three of class 0 at cosine 0.6: exp(.4/T) > 3 for T < 0.364.
        var bank = new FeatureSet([1, 0, 0.6f, 0.8f, 0.6f, 0.8f, 0.6f, 0.8f], [1, 0, 0, 0], 2);
        var test = new FeatureSet([2, 0], [1], 2);
        Assert.Equal(100, KnnEvaluation.Score(bank, test, 2, new KnnOptions { Neighbors = 4, Temperature = 0.36f }, null, Token).Top1);
        Assert.Equal(0, KnnEvaluation.Score(bank, test, 2, new KnnOptions { Neighbors = 4, Temperature = 0.37f }, null, Token).Top1);
    }

    [Fact]
    public void Colours_are_told_apart_by_pixels_and_progress_is_told()
    {
        using var splits = new ImageSplits(
            "colours", MemoryImageSet.Colours(300, 5, 3, 1), MemoryImageSet.Colours(70, 5, 3, 2));
        var report = new RecordedReport();
        KnnResult result = KnnEvaluation.Run(
            splits, FeatureExtractor.Pixels(5), new KnnOptions { Neighbors = 11, Bank = 257, Test = 31 }, null, report, Token);
        Assert.Equal(new KnnResult(100, 100, 3, 257, 31), result);
        Assert.All(report.Stages, stage => Assert.Equal(("k-NN", 288L), (stage.Name, stage.Total)));
        Assert.Equal([256, 257, 288], report.Stages.Select(stage => stage.Done));
    }

    [Fact]
    public void Features_are_the_encoders_for_the_chosen_images_whatever_the_batch()
    {
        const int size = 16, count = 259; // a batch of 256 and one of 3
        using var device = new CpuDevice(ElementType.Float32, 2);
        using var encoder = new Encoder(device, new ModelOptions(), trained: false);
        Initialization.Fill(encoder.Store, 3);
        using MemoryImageSet images = MemoryImageSet.Colours(600, size, 3, 1);
        int[] subset = RandomSubset.Choose(600, count, 7, RandomSubset.Purpose.TestImages);
        FeatureSet features = FeatureExtractor.Of(encoder, size).Extract(
            images, subset, new StageProgress(new RecordedReport(), "x", count), Token);
        Assert.Equal(subset.Select(i => i % 3), features.Labels);
        var pixels = new float[size * size * 3];
        var expected = new float[encoder.FeatureSize];
        foreach (int row in new[] { 0, 1, 255, 256, 258 })
        {
            ReadOnlySpan<byte> bytes = images.Read(subset[row]).Pixels.Span;
            double[] mean = [0.485, 0.456, 0.406], deviation = [0.229, 0.224, 0.225];
            for (int i = 0; i < pixels.Length; i++)
            {
                pixels[i] = (float)(((bytes[i] / 255.0) - mean[i % 3]) / deviation[i % 3]);
            }

            encoder.Features(pixels, 1, size, expected);
            for (int c = 0; c < expected.Length; c++)
            {
                Assert.Equal(expected[c], features.Values[(row * expected.Length) + c], 1e-4 * (1 + Math.Abs(expected[c])));
            }
        }
    }

    [Fact]
    public void A_choice_is_seeded_sorted_and_grows_with_its_size()
    {
        int[] small = RandomSubset.Choose(1000, 100, 1, RandomSubset.Purpose.TrainingImages);
        int[] large = RandomSubset.Choose(1000, 500, 1, RandomSubset.Purpose.TrainingImages);
        Assert.Equal(100, small.Distinct().Count());
        Assert.Equal(small.Order(), small);
        Assert.Subset(large.ToHashSet(), small.ToHashSet());
        Assert.NotEqual(small, RandomSubset.Choose(1000, 100, 2, RandomSubset.Purpose.TrainingImages));
        Assert.NotEqual(small, RandomSubset.Choose(1000, 100, 1, RandomSubset.Purpose.TestImages));
        Assert.Equal(Enumerable.Range(0, 9), RandomSubset.Choose(9, 0, 1, RandomSubset.Purpose.TestImages));
        Assert.Equal(Enumerable.Range(0, 9), RandomSubset.Choose(9, 10, 1, RandomSubset.Purpose.TestImages));
        Assert.InRange(small.Average(), 400, 600);
    }

    [Fact]
    public void Says_what_cannot_be_evaluated()
    {
        MemoryImageSet three = MemoryImageSet.Colours(6, 2, 3, 1), one = MemoryImageSet.Colours(6, 2, 1, 1);
        Assert.Contains("one class only ('class0')", Message(new ImageSplits("set", one, one), new KnnOptions()));
        Assert.Contains("no classes", Message(new ImageSplits("set", new MemoryImageSet([three.Read(0)]), three), new KnnOptions()));
        Assert.Contains("no test images", Message(new ImageSplits("set", three, null), new KnnOptions()));
        Assert.Contains("no test images", Message(new ImageSplits("set", three, new MemoryImageSet([], "a", "b")), new KnnOptions()));
        Assert.Contains("1 to 6", Message(new ImageSplits("set", three, three), new KnnOptions { Neighbors = 7 }));
        Assert.Contains("1 to 4", Message(new ImageSplits("set", three, three), new KnnOptions { Neighbors = 5, Bank = 4 }));
        Assert.Contains("1 to 6", Message(new ImageSplits("set", three, three), new KnnOptions { Neighbors = 0 }));
        Assert.Contains(
            "temperature", Message(new ImageSplits("set", three, three), new KnnOptions { Neighbors = 1, Temperature = float.NaN }));
    }

    [Fact]
    public void Stops_when_cancelled()
    {
        using MemoryImageSet images = MemoryImageSet.Colours(30, 2, 3, 1);
        Assert.ThrowsAny<OperationCanceledException>(() => KnnEvaluation.Run(
            new ImageSplits("set", images, images), FeatureExtractor.Pixels(2), new KnnOptions { Neighbors = 1 }, null,
            new RecordedReport(), new CancellationToken(true)));
    }

    private static string Message(ImageSplits splits, KnnOptions options) =>
        Assert.Throws<InvalidInputException>(
            () => KnnEvaluation.Run(splits, FeatureExtractor.Pixels(2), options, null, new RecordedReport(), Token)).Message;

    private static double Cosine(FeatureSet a, int row, FeatureSet b, int other)
    {
        double dot = 0, first = 0, second = 0;
        for (int i = 0; i < a.C; i++)
        {
            (double x, double y) = (a.Values[(row * a.C) + i], b.Values[(other * a.C) + i]);
            (dot, first, second) = (dot + (x * y), first + (x * x), second + (y * y));
        }

        return dot / Math.Sqrt(first * second);
    }

    /// <summary>Overlapping clouds, one a class.</summary>
    private static FeatureSet Blobs(int count, int c, int classes, uint draw)
    {
        var values = new float[count * c];
        int[] labels = [.. Enumerable.Range(0, count).Select(i => i % classes)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = Uniform(0, (ulong)((labels[i / c] * c) + (i % c))) + (1.4f * Uniform(draw, (ulong)i));
        }

        return new FeatureSet(values, labels, c);
    }

    private static float Uniform(uint draw, ulong index) =>
        (Philox.Element(13, draw, RandomUse.Augmentation, index) / 2147483648f) - 1;
}
