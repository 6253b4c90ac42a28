using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;

namespace FeatureTransform.Training.Evaluation;

/// <summary>
/// Weighted k-NN classification of features (Wu et al., "Unsupervised feature learning via non-parametric instance
/// discrimination", CVPR 2018, section 3.4): each of the k nearest training images by cosine s votes for its class with
/// weight exp(s / T). Of classes with equal votes the one with the lower index comes first.
/// </summary>
internal static class KnnEvaluation
{
    private const string Name = "k-NN";
    private const int Block = 1024, NeighborsPerBlock = 1 << 22; // work between two looks at the cancellation

    /// <summary>Extracts the features of bank and test images and scores them; neighbours are found on a device, or on the CPU.</summary>
    /// <exception cref="InvalidInputException">The images or the options cannot be used.</exception>
    public static KnnResult Run(
        ImageSplits splits, FeatureExtractor extractor, KnnOptions options, IDevice? device, IProgressReport report, CancellationToken cancellation)
    {
        IImageSet testImages = LabelledSplits.RequireTest(splits, Name);
        int[] bankRows = RandomSubset.Choose(
            splits.Train.Count, options.Bank, options.Seed, RandomSubset.Purpose.TrainingImages);
        int[] testRows = RandomSubset.Choose(testImages.Count, options.Test, options.Seed, RandomSubset.Purpose.TestImages);
        Validate(options, bankRows.Length);
        var progress = new StageProgress(report, Name, bankRows.Length + testRows.Length);
        FeatureSet bank = extractor.Extract(splits.Train, bankRows, progress, cancellation);
        FeatureSet test = extractor.Extract(testImages, testRows, progress, cancellation);
        return Score(bank, test, splits.Train.Classes.Count, options, device, cancellation);
    }

    /// <summary>Accuracy of given features, which must be finite.</summary>
    /// <exception cref="InvalidInputException">The options cannot be used.</exception>
    public static KnnResult Score(
        FeatureSet bank, FeatureSet test, int classes, KnnOptions options, IDevice? device, CancellationToken cancellation)
    {
        Validate(options, bank.Count);
        int k = options.Neighbors, block = Math.Clamp(NeighborsPerBlock / k, 1, Block);
        using INeighborSearch search =
            device?.CreateSearch(bank.Values, bank.C, block, k) ?? new CpuNeighbors(bank.Values, bank.C, options.Threads);
        var neighbors = new int[block * k];
        var cosines = new float[block * k];
        var votes = new double[classes];
        var confusion = new ConfusionMatrix(classes);
        for (int begin = 0; begin < test.Count; begin += block)
        {
            cancellation.ThrowIfCancellationRequested();
            int n = Math.Min(block, test.Count - begin);
            search.Search(test.Values.AsSpan(begin * test.C, n * test.C), k, neighbors.AsSpan(0, n * k), cosines.AsSpan(0, n * k));
            for (int row = 0; row < n; row++)
            {
                Vote(neighbors.AsSpan(row * k, k), cosines.AsSpan(row * k, k), bank.Labels, options.Temperature, votes);
                confusion.Add(votes, test.Labels[begin + row]);
            }
        }

        return new KnnResult(confusion.Top1, confusion.Top5, classes, bank.Count, test.Count);
    }

    // exp((s - largest s) / T): the same order as exp(s / T), which would overflow for small T.
    private static void Vote(
        ReadOnlySpan<int> neighbors, ReadOnlySpan<float> cosines, int[] labels, double temperature, double[] votes)
    {
        Array.Clear(votes);
        for (int i = 0; i < neighbors.Length; i++)
        {
            votes[labels[neighbors[i]]] += Math.Exp(((double)cosines[i] - cosines[0]) / temperature);
        }
    }

    private static void Validate(KnnOptions options, int bank)
    {
        if (options.Neighbors < 1 || options.Neighbors > bank)
        {
            throw new InvalidInputException(
                $"k-NN with {options.Neighbors} neighbours cannot be done: expected 1 to {bank}, the training images in the bank; " +
                "ask for fewer neighbours or a larger bank.");
        }

        if (!(options.Temperature > 0) || !float.IsFinite(options.Temperature))
        {
            throw new InvalidInputException($"The temperature of the k-NN vote is {options.Temperature}: expected a number above 0.");
        }
    }
}
