using FeatureTransform.Training.Data;
using FeatureTransform.Training.Evaluation;
using Xunit;

namespace FeatureTransform.Training.Tests.Evaluation;

public sealed class LinearProbeTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Reaches_the_accuracy_of_the_best_classifier_of_gaussian_clouds(bool choose)
    {
        const int c = 24, classes = 7;
        double[][] centres = Centres(classes, c);
        FeatureSet train = Clouds(centres, 3000, 1), test = Clouds(centres, 2000, 2);
        LinearProbeOptions options = choose
            ? new() { Epochs = 20 }
            : new() { Epochs = 20, LearningRates = [0.1f], Standardize = false };
        var report = new RecordedReport();
        LinearProbeResult result = LinearProbe.Evaluate(train, test, classes, options, null, report, Token);

        // For clouds of equal size and round shape the nearest centre is the best guess there is.
        int best = Enumerable.Range(0, test.Count).Count(
            row => test.Labels[row] == Enumerable.Range(0, classes).MinBy(k => Distance(test, row, centres[k])));
        double bayes = 100.0 * best / test.Count;
        Assert.InRange(bayes, 60, 95);
        Assert.InRange(result.Top1, bayes - 2, bayes + 1);
        Assert.InRange(result.Top5, 97, 100);
        Assert.Equal(choose, result.HeldOutTop1 is not null);
        Assert.True(!choose || Math.Abs(result.HeldOutTop1!.Value - bayes) < 6, $"held out {result.HeldOutTop1}, best {bayes}");
        long epochs = choose ? 100 : 20;
        Assert.Equal(("linear probe", epochs * train.Count, epochs * train.Count), report.Stages[^1]);
        Assert.Equal(epochs, report.Stages.Count);

        long[] perClass = [.. Enumerable.Range(0, classes).Select(k => Enumerable.Range(0, classes).Sum(p => result.Confusion[k, p]))];
        Assert.Equal(Enumerable.Range(0, classes).Select(k => (long)test.Labels.Count(label => label == k)), perClass);
    }

    [Fact]
    public void Separable_clouds_are_separated_and_the_same_bits_come_from_any_threads()
    {
        double[][] centres = [.. Centres(3, 10).Select(centre => centre.Select(x => 10 * x).ToArray())];
        FeatureSet train = Clouds(centres, 200, 1), test = Clouds(centres, 100, 2);
        LinearProbeResult one = Run(1), three = Run(3);
        Assert.Equal(100, one.Top1);
        Assert.Equal((one.LearningRate, one.HeldOutTop1, one.Top1), (three.LearningRate, three.HeldOutTop1, three.Top1));

        LinearProbeResult Run(int threads) => LinearProbe.Evaluate(
            train, test, 3, new LinearProbeOptions { Epochs = 10, Threads = threads }, null, new RecordedReport(), Token);
    }

    [Fact]
    public void A_learning_rate_that_diverges_is_not_chosen()
    {
        double[][] centres = Centres(3, 4);
        FeatureSet train = Clouds(centres, 400, 1), test = Clouds(centres, 100, 2);
        var options = new LinearProbeOptions { Epochs = 5, LearningRates = [3e38f, 0.03f] };
        Assert.Equal(0.03f, LinearProbe.Evaluate(train, test, 3, options, null, new RecordedReport(), Token).LearningRate);
        Assert.Contains("diverged", Assert.Throws<InvalidInputException>(() => LinearProbe.Evaluate(
            train, test, 3, options with { LearningRates = [3e38f] }, null, new RecordedReport(), Token)).Message);
    }

    [Fact]
    public void Trains_on_the_features_that_each_epoch_has()
    {
        double[][] centres = Centres(4, 16);
        FeatureSet few = Clouds(centres, 40, 1), test = Clouds(centres, 2000, 2);
        var options = new LinearProbeOptions { Epochs = 60, LearningRates = [0.03f], Standardize = false };
        var epochs = new List<int>();
        double alone = LinearProbe.Evaluate(few, test, 4, options, null, new RecordedReport(), Token).Top1;
        double fresh = LinearProbe.Evaluate(few, test, 4, options, null, new RecordedReport(), Token, (epoch, _) =>
        {
            epochs.Add(epoch);
            return Clouds(centres, few.Count, 100 + epoch);
        }).Top1;
        Assert.Equal(Enumerable.Range(0, 60), epochs);
        Assert.True(fresh > alone + 3, $"{fresh} on new clouds each epoch, {alone} on the same 40 points");
    }

    [Fact]
    public void Random_views_differ_from_epoch_to_epoch_and_are_those_of_the_augmenter()
    {
        const int size = 8;
        MemoryImageSet images = MemoryImageSet.Colours(20, 12, 3, 1);
        FeatureExtractor pixels = FeatureExtractor.Pixels(size);
        var views = new RandomViews(AugmentationRecipe.CropAndFlip, size, 9);
        float[] first = Extract(1), second = Extract(2);
        Assert.Equal(first, Extract(1));
        Assert.NotEqual(first, second);
        var expected = new float[size * size * 3];
        new Augmenter(AugmentationRecipe.CropAndFlip, size, 9).Apply(images.Read(13), 2, 13, 2, expected);
        Assert.Equal(expected, second[^expected.Length..]);

        float[] Extract(int epoch) => pixels.Extract(
            images, [4, 0, 13], new StageProgress(new RecordedReport(), "views", 3), Token, views.Of(epoch)).Values;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Evaluates_images(bool augment)
    {
        using var splits = new ImageSplits("colours", MemoryImageSet.Colours(90, 4, 3, 1), MemoryImageSet.Colours(30, 4, 3, 2));
        var report = new RecordedReport();
        LinearProbeResult result = LinearProbe.Run(
            splits, FeatureExtractor.Pixels(4), new LinearProbeOptions { Epochs = 5, Augment = augment }, null, report, Token);
        Assert.Equal((100, 100, 90, 30), (result.Top1, result.Top5, result.Train, result.Test));
        Assert.Contains(("features", 120L, 120L), report.Stages);
    }

    [Fact]
    public void Says_what_cannot_be_evaluated()
    {
        MemoryImageSet one = MemoryImageSet.Colours(6, 2, 1, 1);
        Assert.Contains("one class only", Assert.Throws<InvalidInputException>(() => LinearProbe.Run(
            new ImageSplits("set", one, one), FeatureExtractor.Pixels(2), new(), null, new RecordedReport(), Token)).Message);
        Assert.Contains("learning rates", Message(new() { LearningRates = [] }));
        Assert.Contains("learning rates", Message(new() { LearningRates = [0.1f, float.NaN] }));
        Assert.Contains("0 epochs", Message(new() { Epochs = 0 }));
        Assert.Contains("a share of 1 ", Message(new() { HeldOut = 1 }));

        static string Message(LinearProbeOptions options)
        {
            var set = new FeatureSet([1, 2], [0, 1], 1);
            return Assert.Throws<InvalidInputException>(
                () => LinearProbe.Evaluate(set, set, 2, options, null, new RecordedReport(), Token)).Message;
        }
    }

    [Fact]
    public void A_confusion_matrix_counts_and_writes_itself()
    {
        var confusion = new ConfusionMatrix(6);
        confusion.Add([6, 5, 4, 3, 2, 1], 5); // sixth best
        confusion.Add([6, 5, 4, 3, 2, 1], 4); // fifth best
        confusion.Add([6, 5, 4, 3, 2, 1], 0);
        confusion.Add([1, 1, 1, 1, 1, 1], 5); // of equal ones the lower come first
        Assert.Equal(25, confusion.Top1);
        Assert.Equal(50, confusion.Top5);
        var writer = new StringWriter();
        confusion.WriteCsv(writer, ["cat", "dog, wild", "\"x\"", "d", "e", "f"]);
        Assert.Equal(
            "true \\ predicted,cat,\"dog, wild\",\"\"\"x\"\"\",d,e,f\ncat,1,0,0,0,0,0\n\"dog, wild\",0,0,0,0,0,0\n" +
            "\"\"\"x\"\"\",0,0,0,0,0,0\nd,0,0,0,0,0,0\ne,1,0,0,0,0,0\nf,2,0,0,0,0,0\n",
            writer.ToString());
    }

    private static double[][] Centres(int classes, int c)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, classes).Select(_ => Enumerable.Range(0, c).Select(_ => (random.NextDouble() - 0.5) * 1.6).ToArray())];
    }

    private static FeatureSet Clouds(double[][] centres, int count, int seed)
    {
        var random = new Random(seed);
        int c = centres[0].Length;
        var values = new float[count * c];
        int[] labels = [.. Enumerable.Range(0, count).Select(_ => random.Next(centres.Length))];
        for (int i = 0; i < values.Length; i++)
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(centres[labels[i / c]][i % c] + normal);
        }

        return new FeatureSet(values, labels, c);
    }

    private static double Distance(FeatureSet set, int row, double[] centre)
    {
        double sum = 0;
        for (int i = 0; i < centre.Length; i++)
        {
            double difference = set.Values[(row * set.C) + i] - centre[i];
            sum += difference * difference;
        }

        return sum;
    }
}
