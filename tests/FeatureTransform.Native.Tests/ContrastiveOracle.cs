namespace FeatureTransform.Native.Tests;

/// <summary>
/// The loss and the statistics in fp64, straight from the formulas: every matrix is written out. Only the draws (lambda and
/// permutation, tested by themselves) come from the product. The gradient's oracle is the finite difference of this loss.
/// </summary>
internal sealed class ContrastiveOracle(FeatureTransformOptions options, double[] queue, int k, int c, uint step)
{
    private readonly BetaQuantile positive = new(options.PositiveAlpha), negative = new(options.NegativeAlpha);
    private double[][]? negatives;

    public double Loss(double[] qRaw, double[] kRaw, int n) =>
        Enumerable.Range(0, n).Average(i => Row(qRaw, kRaw, i).Loss);

    public OracleRow Row(double[] qRaw, double[] kRaw, int i)
    {
        double[] q = Unit(qRaw[(i * c)..((i + 1) * c)]), key = Unit(kRaw[(i * c)..((i + 1) * c)]);
        if (options.Positive != PositiveTransform.None)
        {
            double[] lambda = Lambda(positive, RandomUse.PositiveLambda, options.PositiveScope, i);
            if (options.Positive == PositiveTransform.Extrapolation)
            {
                lambda = [.. lambda.Select(x => x + 1)];
            }

            (q, key) = (Mix(lambda, q, key), Mix(lambda, key, q));
            if (options.PositiveNormalize)
            {
                (q, key) = (Unit(q), Unit(key));
            }
        }

        double score = Dot(q, key);
        double[] scores = [.. (negatives ??= [.. Negatives()]).Select(z => Dot(q, z))];
        double denominator = Math.Exp(score / options.Tau) + scores.Sum(s => Math.Exp(s / options.Tau));
        double mean = scores.Average();
        return new OracleRow(
            Math.Log(denominator) - (score / options.Tau), score, mean,
            scores.Sum(s => (s - mean) * (s - mean)) / (scores.Length - 1), Math.Exp(score / options.Tau),
            scores.Average(s => Math.Exp(s / options.Tau)), scores.Count(s => s > score))
        {
            Scores = scores,
        };
    }

    private IEnumerable<double[]> Negatives()
    {
        Permutation permutation = Permutation.Of(options.Seed, step, options.Rank, k);
        if (options.Negative != NegativeTransform.None)
        {
            for (int j = 0; j < k; j++)
            {
                double[] mixed = Mix(
                    Lambda(negative, RandomUse.NegativeLambda, options.NegativeScope, j), Stored(j), Stored(permutation[j]));
                yield return options.NegativeNormalize ? Unit(mixed) : mixed;
            }
        }

        for (int j = 0; options.Negative != NegativeTransform.Replace && j < k; j++)
        {
            yield return Stored(j);
        }
    }

    private double[] Stored(int j) => queue[(j * c)..((j + 1) * c)];

    private double[] Lambda(BetaQuantile quantile, RandomUse use, LambdaScope scope, int row)
    {
        return [.. Enumerable.Range(0, c).Select(i => (double)quantile.Evaluate(scope switch
        {
            LambdaScope.Batch => Philox.Block(options.Seed, step, use, 0, options.Rank).X,
            LambdaScope.Row => Philox.Block(options.Seed, step, use, (ulong)row, options.Rank).X,
            _ => Philox.Element(options.Seed, step, use, (ulong)((row * c) + i), options.Rank),
        }))];
    }

    private static double[] Mix(double[] lambda, double[] a, double[] b) =>
        [.. lambda.Select((weight, i) => (weight * a[i]) + ((1 - weight) * b[i]))];

    private static double[] Unit(double[] v)
    {
        double norm = Math.Max(Math.Sqrt(Dot(v, v)), 1e-12);
        return [.. v.Select(x => x / norm)];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}

/// <summary>Loss and statistics of one row.</summary>
internal readonly record struct OracleRow(
    double Loss, double Positive, double Mean, double Variance, double PositiveExp, double Exp, int Rank)
{
    /// <summary>s_ij of all negatives.</summary>
    public required double[] Scores { get; init; }
}
