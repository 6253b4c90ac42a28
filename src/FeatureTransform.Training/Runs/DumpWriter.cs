using System.Globalization;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>One step as it was computed, for <see cref="DumpWriter.Step"/>.</summary>
/// <param name="Step">Step of the run.</param>
/// <param name="N">Pairs.</param>
/// <param name="Size">S, side of an image.</param>
/// <param name="View1">Images of the queries, N x S x S x 3, normalised.</param>
/// <param name="View2">Images of the keys, in the queries' order.</param>
/// <param name="Shuffle">Row i of the key encoder's batch was row Shuffle[i]; empty where the batch was not shuffled.</param>
/// <param name="Transformed">Whether the feature transformation was on.</param>
/// <param name="LearningRate">Learning rate.</param>
/// <param name="Loss">Mean loss.</param>
/// <param name="Statistics">Statistics of each row.</param>
internal readonly record struct DumpStep(
    long Step, int N, int Size, float[] View1, float[] View2, int[] Shuffle, bool Transformed, float LearningRate, float Loss,
    RowStatistics Statistics);

/// <summary>
/// Collects everything that another program needs to repeat the first steps of a run without this one, and writes it as one
/// safetensors file. The names are in <c>docs/dump.md</c>.
/// </summary>
internal sealed class DumpWriter(string path, int steps, PretrainOptions options)
{
    private readonly List<SafeTensor> tensors = [];

    // Tables are built once and not in the steps; none where that side is not transformed.
    private readonly BetaQuantile? positive =
        options.Transform.Positive == PositiveTransform.None ? null : new BetaQuantile(options.Transform.PositiveAlpha);

    private readonly BetaQuantile? negative =
        options.Transform.Negative == NegativeTransform.None ? null : new BetaQuantile(options.Transform.NegativeAlpha);

    private int collected;

    /// <summary>Whether every step that was asked for has been collected, and the file is written.</summary>
    public bool IsComplete => collected == steps;

    /// <summary>Collects the state before the first step.</summary>
    public void Begin(ParameterStore query, ParameterStore key, FeatureQueue queue) => AddState("initial.", query, key, queue);

    /// <summary>Collects a step, after optimiser and queue were updated and before the next backward pass; the last one writes the file.</summary>
    /// <exception cref="InvalidInputException">The file cannot be written.</exception>
    public void Step(in DumpStep step, ParameterStore query, ParameterStore key, FeatureQueue queue)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture, $"step.{collected}.");
        tensors.Add(SafeTensor.Of(prefix + "view1", ChannelsFirst(step.View1, step), step.N, 3, step.Size, step.Size));
        tensors.Add(SafeTensor.Of(prefix + "view2", ChannelsFirst(step.View2, step), step.N, 3, step.Size, step.Size));
        if (step.Shuffle.Length > 0)
        {
            tensors.Add(SafeTensor.Of(prefix + "shuffle", step.Shuffle.ToArray(), step.N));
        }

        if (step.Transformed)
        {
            AddTransformation(prefix, (uint)step.Step, step.N, queue);
        }

        tensors.Add(SafeTensor.Of(prefix + "learning_rate", new[] { step.LearningRate }));
        tensors.Add(SafeTensor.Of(prefix + "loss", new[] { step.Loss }));
        AddStatistics(prefix + "statistics.", step.Statistics, step.N);
        tensors.AddRange(ParameterTensors.Snapshot(prefix + "gradient.", query.Layout.Trained, query.ReadGradient));
        AddState(prefix, query, key, queue);
        collected++;
        if (IsComplete)
        {
            SafeTensorsWriter.Write(path, RunMetadata.Of(options, 0), tensors);
            tensors.Clear();
        }
    }

    private void AddState(string prefix, ParameterStore query, ParameterStore key, FeatureQueue queue)
    {
        tensors.AddRange(ParameterTensors.Snapshot($"{prefix}query.", ParameterTensors.All(query), query.Read));
        tensors.AddRange(ParameterTensors.Snapshot($"{prefix}key.", ParameterTensors.All(key), key.Read));
        tensors.Add(queue.Type == ElementType.Float32
            ? SafeTensor.Of(prefix + "queue", queue.Float32.ToArray(), queue.K, queue.C)
            : SafeTensor.Of(prefix + "queue", queue.BFloat16.ToArray(), queue.K, queue.C));
        tensors.Add(SafeTensor.Of(prefix + "queue_position", new[] { queue.Position }));
    }

    private void AddTransformation(string prefix, uint step, int n, FeatureQueue queue)
    {
        TransformOptions transform = options.Transform;
        if (positive is not null)
        {
            float shift = transform.Positive == PositiveTransform.Extrapolation ? 1 : 0;
            tensors.Add(Lambda(
                prefix + "lambda_positive", positive, shift, RandomUse.PositiveLambda, step, transform.PositiveScope, n, queue.C));
        }

        if (negative is not null)
        {
            tensors.Add(Lambda(
                prefix + "lambda_negative", negative, 0, RandomUse.NegativeLambda, step, transform.NegativeScope, queue.K, queue.C));
            var permutation = Permutation.Of(options.Run.Seed, step, 0, queue.K);
            tensors.Add(SafeTensor.Of(prefix + "permutation", Enumerable.Range(0, queue.K).Select(j => permutation[j]).ToArray(), queue.K));
        }
    }

    private SafeTensor Lambda(
        string name, BetaQuantile quantile, float shift, RandomUse use, uint step, LambdaScope scope, int rows, int channels)
    {
        (int[] shape, ulong stride) = scope switch
        {
            LambdaScope.Batch => (new[] { 1, 1 }, 0UL),
            LambdaScope.Row => ([rows, 1], 4UL), // word 0 of each row's block
            _ => ([rows, channels], 1UL),
        };
        float[] values =
        [
            .. Enumerable.Range(0, shape[0] * shape[1]).Select(
                i => shift + quantile.Evaluate(Philox.Element(options.Run.Seed, step, use, (ulong)i * stride))),
        ];
        return SafeTensor.Of(name, values, shape);
    }

    private void AddStatistics(string prefix, RowStatistics statistics, int n)
    {
        foreach ((string name, float[] values) in new[]
        {
            ("loss", statistics.Loss), ("positive_score", statistics.PositiveScore), ("negative_mean", statistics.NegativeMean),
            ("negative_variance", statistics.NegativeVariance), ("positive_exp", statistics.PositiveExp),
            ("negative_exp", statistics.NegativeExp),
        })
        {
            tensors.Add(SafeTensor.Of(prefix + name, values[..n], n));
        }

        tensors.Add(SafeTensor.Of(prefix + "rank", statistics.Rank[..n], n));
    }

    // N x S x S x 3 to N x 3 x S x S.
    private static float[] ChannelsFirst(float[] images, in DumpStep step)
    {
        int pixels = step.Size * step.Size;
        var result = new float[step.N * 3 * pixels];
        for (int n = 0; n < step.N; n++)
        {
            for (int c = 0; c < 3; c++)
            {
                for (int pixel = 0; pixel < pixels; pixel++)
                {
                    result[(((n * 3) + c) * pixels) + pixel] = images[(((n * pixels) + pixel) * 3) + c];
                }
            }
        }

        return result;
    }
}
