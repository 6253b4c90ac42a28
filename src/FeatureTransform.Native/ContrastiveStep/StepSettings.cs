namespace FeatureTransform.Native;

/// <summary>What the parts of one step share: where its inputs and outputs lie, and how its work is cut.</summary>
internal sealed unsafe class StepSettings
{
    public StepSettings(FeatureTransformOptions options, int c)
    {
        (Options, C, Scale) = (options, c, ExponentScale.Of(options.Tau));
        Positive = options.Positive == PositiveTransform.None ? null : new BetaDraws(new BetaQuantile(options.PositiveAlpha));
        Negative = options.Negative == NegativeTransform.None ? null : new BetaDraws(new BetaQuantile(options.NegativeAlpha));
    }

    public FeatureTransformOptions Options { get; }

    public int C { get; }

    public ExponentScale Scale { get; }

    public BetaDraws? Positive { get; }

    public BetaDraws? Negative { get; }

    /// <summary>N x C each, while the step runs.</summary>
    public float* QRaw, KRaw, DqRaw, Keys;

    /// <summary>The rows of the queue, K x C, in one of the two; null in the other.</summary>
    public float* Float32;

    /// <inheritdoc cref="Float32"/>
    public ushort* BFloat16;

    public int N { get; private set; }

    public int K { get; private set; }

    public uint Step { get; private set; }

    public Permutation Permutation { get; private set; }

    public RowStatistics Statistics { get; private set; } = null!;

    /// <summary>Whether the positives are mixed.</summary>
    public bool MixPositive { get; private set; }

    /// <summary>Whether mixed negatives are used.</summary>
    public bool MixNegative { get; private set; }

    /// <summary>Whether the negatives are used as they are stored.</summary>
    public bool Original { get; private set; }

    /// <summary>Negatives of a row: K, or 2 K.</summary>
    public long Negatives => MixNegative && Original ? 2L * K : K;

    public void Prepare(int n, FeatureQueue queue, uint step, bool transform, RowStatistics statistics)
    {
        (N, K, Step, Statistics) = (n, queue.K, step, statistics);
        MixPositive = transform && Options.Positive != PositiveTransform.None;
        MixNegative = transform && Options.Negative != NegativeTransform.None;
        Original = !MixNegative || Options.Negative == NegativeTransform.Extend;
        Permutation = Permutation.Of(Options.Seed, step, Options.Rank, K);
    }

    /// <summary>The lambdas of one row into lambda[0..C-1], which has the room that <see cref="BetaDraws"/> asks for.</summary>
    public void Draw(BetaDraws draws, RandomUse use, LambdaScope scope, int row, float* lambda)
    {
        (ulong first, int count) = scope switch
        {
            LambdaScope.Batch => (0UL, 1),
            LambdaScope.Row => ((ulong)row * 4, 1), // word 0 of index row
            _ => ((ulong)row * (ulong)C, C),
        };
        draws.Fill(Options.Seed, Step, use, Options.Rank, first, count, lambda);
        if (count < C)
        {
            new Span<float>(lambda, C).Fill(lambda[0]);
        }
    }
}
