namespace FeatureTransform.Training.Evaluation;

/// <summary>How k-NN accuracy is measured.</summary>
public sealed record KnnOptions
{
    /// <summary>k, neighbours that vote.</summary>
    public int Neighbors { get; init; } = 200;

    /// <summary>T: a neighbour of cosine s votes with weight exp(s / T).</summary>
    public float Temperature { get; init; } = 0.07f;

    /// <summary>Training images in the bank, the first of a seeded shuffle; 0: all.</summary>
    public int Bank { get; init; }

    /// <summary>Test images scored, the first of a seeded shuffle; 0: all.</summary>
    public int Test { get; init; }

    /// <summary>Seed of the two choices.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads of the search; 0: one a core. Changes no bit.</summary>
    public int Threads { get; init; }
}

/// <summary>k-NN accuracy.</summary>
/// <param name="Top1">Test images whose class has the most votes, in percent.</param>
/// <param name="Top5">Test images whose class is among the five with the most votes, in percent.</param>
/// <param name="Classes">Classes.</param>
/// <param name="Bank">Training images in the bank.</param>
/// <param name="Test">Test images scored.</param>
public sealed record KnnResult(double Top1, double Top5, int Classes, int Bank, int Test);
