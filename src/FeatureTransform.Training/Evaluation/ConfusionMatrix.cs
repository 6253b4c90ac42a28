namespace FeatureTransform.Training.Evaluation;

/// <summary>Counts of test images by true and by predicted class, and the accuracies that follow from them.</summary>
public sealed class ConfusionMatrix
{
    private const int Best = 5;
    private readonly long[] counts;
    private long total, amongBest;

    internal ConfusionMatrix(int classes) => (Classes, counts) = (classes, new long[classes * classes]);

    /// <summary>Classes.</summary>
    public int Classes { get; }

    /// <summary>Images counted whose class has the best score, in percent.</summary>
    public double Top1 => 100.0 * Enumerable.Range(0, Classes).Sum(i => this[i, i]) / total;

    /// <summary>Images counted whose class is among the five with the best scores, in percent.</summary>
    public double Top5 => 100.0 * amongBest / total;

    /// <summary>Images of class <paramref name="label"/> for which <paramref name="predicted"/> had the best score.</summary>
    public long this[int label, int predicted] => counts[(label * Classes) + predicted];

    /// <summary>Writes it as CSV: a row for each true class, a column for each predicted one, names in the first of both.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="names">Name of each class.</param>
    public void WriteCsv(TextWriter writer, IReadOnlyList<string> names)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(names);
        writer.Write("true \\ predicted");
        for (int i = 0; i < Classes; i++)
        {
            writer.Write($",{Quoted(names[i])}");
        }

        for (int label = 0; label < Classes; label++)
        {
            writer.Write($"\n{Quoted(names[label])}");
            for (int predicted = 0; predicted < Classes; predicted++)
            {
                writer.Write($",{this[label, predicted]}");
            }
        }

        writer.Write('\n');
    }

    /// <summary>Counts an image by the score of each class; of equal ones the lower index comes first.</summary>
    internal void Add(ReadOnlySpan<double> scores, int label)
    {
        (int best, int rank) = (0, 0);
        for (int i = 0; i < scores.Length; i++)
        {
            best = scores[i] > scores[best] ? i : best;
            rank += scores[i] > scores[label] || (scores[i] == scores[label] && i < label) ? 1 : 0;
        }

        counts[(label * Classes) + best]++;
        amongBest += rank < Best ? 1 : 0;
        total++;
    }

    // RFC 4180.
    private static string Quoted(string name) =>
        name.AsSpan().ContainsAny(",\"\r\n") ? $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : name;
}
