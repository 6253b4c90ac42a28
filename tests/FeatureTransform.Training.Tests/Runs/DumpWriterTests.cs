using System.Runtime.InteropServices;
using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

/// <summary>
/// The lambdas and the permutation of a dump must be those that <see cref="ContrastiveStep"/> used: a scalar fp64
/// InfoNCE over what the dump holds gives the step's loss.
/// </summary>
public sealed class DumpWriterTests : IDisposable
{
    private const int N = 3, K = 7, C = 5, Size = 2;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(PositiveTransform.Extrapolation, LambdaScope.Batch, NegativeTransform.Replace, LambdaScope.Batch)]
    [InlineData(PositiveTransform.Interpolation, LambdaScope.Row, NegativeTransform.Replace, LambdaScope.Row)]
    [InlineData(PositiveTransform.Extrapolation, LambdaScope.Element, NegativeTransform.Replace, LambdaScope.Element)]
    public void The_dumped_lambdas_and_permutation_give_the_loss_of_the_step(
        PositiveTransform positive, LambdaScope positiveScope, NegativeTransform negative, LambdaScope negativeScope)
    {
        var options = new PretrainOptions
        {
            Transform = new TransformOptions
            {
                Positive = positive,
                PositiveScope = positiveScope,
                Negative = negative,
                NegativeScope = negativeScope,
            },
            Run = new RunOptions { Seed = 11 },
        };
        float[] q = Values(1, N * C), k = Values(2, N * C), gradient = new float[N * C], keys = new float[N * C];
        var queue = new FeatureQueue(K, C);
        queue.Initialize(4);
        byte[] rows = queue.Bytes.ToArray();
        var statistics = new RowStatistics(N + 1);
        using var step = new ContrastiveStep(
            new FeatureTransformOptions
            {
                Tau = options.Method.Tau,
                Seed = 11,
                Positive = positive,
                PositiveScope = positiveScope,
                Negative = negative,
                NegativeScope = negativeScope,
            },
            N, C, 1);
        float loss = step.Run(q, k, queue, 6, true, gradient, keys, statistics);

        var writer = new DumpWriter(folder["d"], 1, options);
        using var store = MemoryStore.Small(1);
        writer.Begin(store, store, queue);
        float[] images = Values(3, N * Size * Size * 3);
        writer.Step(new DumpStep(6, N, Size, images, images, [], true, 0.1f, loss, statistics), store, store, queue);

        using SafeTensorsFile file = SafeTensorsFile.Open(folder["d"]);
        float[] lambda = file.ReadFloats("step.0.lambda_positive", file.Tensors["step.0.lambda_positive"].Shape);
        float[] mu = file.ReadFloats("step.0.lambda_negative", file.Tensors["step.0.lambda_negative"].Shape);
        int[] pi = MemoryMarshal.Cast<byte, int>(file.ReadBytes("step.0.permutation", SafeTensorType.I32, K)).ToArray();
        Assert.Equal(loss, Loss(q, k, MemoryMarshal.Cast<byte, float>(rows).ToArray(), lambda, mu, pi, options.Method.Tau), 1e-4);
        Assert.Equal(loss, Assert.Single(file.ReadFloats("step.0.loss")));
        Assert.Equal(statistics.NegativeMean[..N], file.ReadFloats("step.0.statistics.negative_mean", N));
    }

    [Fact]
    public void The_file_holds_what_the_page_says_and_the_state_of_each_moment()
    {
        var options = new PretrainOptions();
        var writer = new DumpWriter(folder["d"], 2, options);
        using var query = MemoryStore.Small(1);
        using var key = MemoryStore.Small(2);
        var queue = new FeatureQueue(K, C, ElementType.BFloat16);
        queue.Initialize(1);
        float[] initial = [.. query.Values("fc.bias")];
        writer.Begin(query, key, queue);
        float[] images = Values(3, N * Size * Size * 3);
        var statistics = new RowStatistics(N);
        writer.Step(new DumpStep(0, N, Size, images, images, [2, 0, 1], false, 0.1f, 1, statistics), query, key, queue);
        Assert.False(writer.IsComplete);
        Assert.False(File.Exists(folder["d"]));
        query.Fill(77);
        queue.Enqueue(new float[2 * C]);
        writer.Step(new DumpStep(1, N, Size, images, images, [2, 0, 1], true, 0.1f, 1, statistics), query, key, queue);
        Assert.True(writer.IsComplete);

        using SafeTensorsFile file = SafeTensorsFile.Open(folder["d"]);
        Assert.Equal(Bits(initial), Bits(file.ReadFloats("initial.query.fc.bias", 5)));
        Assert.Equal(Bits(initial), Bits(file.ReadFloats("step.0.query.fc.bias", 5)));
        Assert.Equal(Bits(query.Values("fc.bias")), Bits(file.ReadFloats("step.1.query.fc.bias", 5)));
        Assert.Equal([2, 0, 0, 0], file.ReadBytes("step.1.queue_position", SafeTensorType.I32));
        Assert.Equal(SafeTensorType.BF16, file.Tensors["step.1.queue"].Type);
        Assert.Equal([2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], file.ReadBytes("step.0.shuffle", SafeTensorType.I32, N));
        Assert.False(file.Tensors.ContainsKey("step.0.lambda_positive"));
        Assert.True(file.Tensors.ContainsKey("step.1.lambda_positive"));
        // Image 1, row 1, column 0, channel 2.
        Assert.Equal(
            images[(((1 * 4) + 2) * 3) + 2], file.ReadFloats("step.0.view2", N, 3, Size, Size)[(((1 * 3) + 2) * 4) + 2]);
        string[] trained = ["conv1.weight", "bn1.weight", "bn1.bias", "fc.weight", "fc.bias"];
        string[] all = [.. trained, "bn1.running_mean", "bn1.running_var"];
        IEnumerable<string> state = all.SelectMany(name => new[] { $"query.{name}", $"key.{name}" }).Concat(["queue", "queue_position"]);
        string[] statisticNames =
            ["loss", "positive_score", "negative_mean", "negative_variance", "positive_exp", "negative_exp", "rank"];
        IEnumerable<string> step = state.Concat(trained.Select(name => $"gradient.{name}"))
            .Concat(statisticNames.Select(name => $"statistics.{name}")).Concat(["view1", "view2", "shuffle", "learning_rate", "loss"]);
        IEnumerable<string> expected = state.Select(name => $"initial.{name}").Concat(step.Select(name => $"step.0.{name}"))
            .Concat(step.Concat(["lambda_positive", "lambda_negative", "permutation"]).Select(name => $"step.1.{name}"));
        Assert.Equal(expected.Order(StringComparer.Ordinal), file.Tensors.Keys.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<uint> Bits(float[] values) => values.Select(BitConverter.SingleToUInt32Bits);

    private static float[] Values(uint stream, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (Philox.Element(9, stream, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1)];

    // Unit rows, both mixtures, softmax, in plain loops over doubles; a lambda of shape r x c applies by its own sizes.
    private static double Loss(float[] q, float[] k, float[] z, float[] lambda, float[] mu, int[] pi, double tau)
    {
        double total = 0;
        for (int i = 0; i < N; i++)
        {
            double[] uq = Unit(q, i), uk = Unit(k, i);
            double[] hatQ = Mix(uq, uk, lambda, i), hatK = Mix(uk, uq, lambda, i);
            double positive = Dot(hatQ, hatK), sum = Math.Exp(positive / tau);
            for (int j = 0; j < K; j++)
            {
                sum += Math.Exp(Dot(hatQ, Mix(Row(z, j), Row(z, pi[j]), mu, j)) / tau);
            }

            total += Math.Log(sum) - (positive / tau);
        }

        return total / N;
    }

    private static double[] Row(float[] matrix, int i) => [.. matrix.Skip(i * C).Take(C).Select(x => (double)x)];

    private static double[] Unit(float[] matrix, int i)
    {
        double[] row = Row(matrix, i);
        double norm = Math.Sqrt(Dot(row, row));
        return [.. row.Select(x => x / norm)];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double[] Mix(double[] a, double[] b, float[] lambda, int row)
    {
        double At(int c) => lambda.Length == 1 ? lambda[0] : lambda.Length % C == 0 ? lambda[(row * C) + c] : lambda[row];
        return [.. Enumerable.Range(0, C).Select(c => (At(c) * a[c]) + ((1 - At(c)) * b[c]))];
    }
}
