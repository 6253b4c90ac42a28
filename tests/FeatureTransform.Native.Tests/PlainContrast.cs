using System.Numerics;

namespace FeatureTransform.Native.Tests;

/// <summary>
/// Loss and gradient of InfoNCE with transformed features as one would write them down without a thought for rounding: sums in
/// order, everything in T, no post-mix normalisation. In double it is a second oracle, in float the measure of what fp32 loses.
/// </summary>
internal static class PlainContrast<T>
    where T : IFloatingPointIeee754<T>
{
    /// <summary>Losses of the rows, and the gradient of their mean with respect to q, N x C.</summary>
    /// <param name="operand">Rounds what the products of the negatives take, as tensor cores do; null: as it is.</param>
    public static (T[] Loss, T[] Gradient) Run(
        FeatureTransformOptions options, float[] q, float[] k, float[] queue, int n, int c, uint step, Func<T, T>? operand = null)
    {
        operand ??= x => x;
        int count = queue.Length / c;
        var quantile = new BetaQuantile(options.PositiveAlpha);
        T tau = T.CreateChecked(options.Tau);
        T[][] negatives = [.. Negatives(options, queue, count, c, step).Select(z => z.Select(operand).ToArray())];
        var (losses, gradient) = (new T[n], new T[n * c]);
        for (int i = 0; i < n; i++)
        {
            T norm = Norm(Row(q, i, c));
            T[] unit = Unit(Row(q, i, c)), key = Unit(Row(k, i, c));
            T[] lambda = Lambda(quantile, options, RandomUse.PositiveLambda, options.PositiveScope, i, c, step);
            for (int d = 0; d < c; d++)
            {
                lambda[d] = options.Positive switch
                {
                    PositiveTransform.None => T.One,
                    PositiveTransform.Extrapolation => lambda[d] + T.One,
                    _ => lambda[d],
                };
            }

            T[] mixed = Mix(lambda, unit, key), mixedKey = Mix(lambda, key, unit);
            T positive = Dot(mixed, mixedKey) / tau, sum = T.Exp(positive);
            T[] rounded = [.. mixed.Select(operand)];
            var weights = new T[negatives.Length];
            for (int j = 0; j < negatives.Length; j++)
            {
                weights[j] = T.Exp(Dot(rounded, negatives[j]) / tau);
                sum += weights[j];
            }

            losses[i] = T.Log(sum) - positive;
            T along = ((T.Exp(positive) / sum) - T.One) / tau;
            var down = new T[c];
            for (int d = 0; d < c; d++)
            {
                down[d] = along * mixedKey[d];
            }

            for (int j = 0; j < negatives.Length; j++)
            {
                T weight = operand(weights[j]) / sum / tau;
                for (int d = 0; d < c; d++)
                {
                    down[d] += weight * negatives[j][d];
                }
            }

            // q enters its own mixture with lambda and that of its key with 1 - lambda.
            for (int d = 0; d < c; d++)
            {
                down[d] = (lambda[d] * down[d]) + ((T.One - lambda[d]) * along * mixed[d]);
            }

            T radial = Dot(unit, down);
            for (int d = 0; d < c; d++)
            {
                gradient[(i * c) + d] = (down[d] - (unit[d] * radial)) / norm / T.CreateChecked(n);
            }
        }

        return (losses, gradient);
    }

    private static T[][] Negatives(FeatureTransformOptions options, float[] queue, int count, int c, uint step)
    {
        T[][] stored = [.. Enumerable.Range(0, count).Select(j => Row(queue, j, c))];
        if (options.Negative == NegativeTransform.None)
        {
            return stored;
        }

        var quantile = new BetaQuantile(options.NegativeAlpha);
        Permutation permutation = Permutation.Of(options.Seed, step, options.Rank, count);
        T[][] mixed = [.. Enumerable.Range(0, count).Select(j => Mix(
            Lambda(quantile, options, RandomUse.NegativeLambda, options.NegativeScope, j, c, step), stored[j], stored[permutation[j]]))];
        return options.Negative == NegativeTransform.Replace ? mixed : [.. mixed, .. stored];
    }

    public static T[] Lambda(BetaQuantile quantile, FeatureTransformOptions options, RandomUse use, LambdaScope scope, int row, int c, uint step) =>
        [.. Enumerable.Range(0, c).Select(d => T.CreateChecked(quantile.Evaluate(scope switch
        {
            LambdaScope.Batch => Philox.Block(options.Seed, step, use, 0, options.Rank).X,
            LambdaScope.Row => Philox.Block(options.Seed, step, use, (ulong)row, options.Rank).X,
            _ => Philox.Element(options.Seed, step, use, (ulong)((row * c) + d), options.Rank),
        })))];

    public static T[] Row(float[] rows, int i, int c) => [.. rows.AsSpan(i * c, c).ToArray().Select(x => T.CreateChecked(x))];

    public static T[] Mix(T[] lambda, T[] a, T[] b) => [.. lambda.Select((weight, d) => (weight * a[d]) + ((T.One - weight) * b[d]))];

    public static T[] Unit(T[] v)
    {
        T norm = T.Max(Norm(v), T.CreateChecked(1e-12));
        return [.. v.Select(x => x / norm)];
    }

    public static T Norm(T[] v) => T.Sqrt(Dot(v, v));

    public static T Dot(T[] a, T[] b)
    {
        T sum = T.Zero;
        for (int d = 0; d < a.Length; d++)
        {
            sum += a[d] * b[d];
        }

        return sum;
    }
}
