using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>
/// The baseline of the pass: the same mathematics as ATen operators one by one, on LibTorch's threads, with the trainer's setting
/// of the allocator (freed memory is kept). Mixed queue (index_select, lerp; in scope element with Dirichlet draws, as
/// torch.distributions.Beta does), logits (mm), log-sum-exp, softmax, statistics, gradient (mm). It is given the mixed queries
/// and the permutation for nothing.
/// </summary>
internal sealed unsafe class ATenContrastive : IDisposable
{
    // c10::ScalarType::Long
    private const int Long = 4;

    private readonly int k, c;
    private readonly FeatureTransformOptions options;
    private readonly AtenTensor query, queue, order, weight, concentration, scale, positive, one, zero, ones;

    private ATenContrastive(FeatureTransformOptions options, ContrastiveCase shape)
    {
        (k, c, this.options) = (shape.Queue.K, shape.Queue.C, options);
        float[] unit = [.. shape.Q.Chunk(c).SelectMany(row => row.Select(x => (float)(x / Math.Sqrt(row.Sum(y => (double)y * y)))))];
        query = new AtenTensor([shape.N, c], unit);
        queue = new AtenTensor([k, c], shape.Queue.Float32);
        positive = new AtenTensor([shape.N, 1], shape.Statistics.PositiveScore);
        weight = new AtenTensor([1], [new BetaQuantile(options.NegativeAlpha).Draw(options, ContrastiveCase.StepNumber, RandomUse.NegativeLambda, 0)]);
        scale = new AtenTensor([1], [1 / options.Tau]);
        one = new AtenTensor([1], [1]);
        zero = new AtenTensor([1], [0]);
        ones = new AtenTensor([k, 1], Filled(k, 1));
        concentration = options.NegativeScope switch
        {
            LambdaScope.Element => new AtenTensor([k, c, 2], Filled(2 * k * c, options.NegativeAlpha)),
            _ => new AtenTensor([k, 1, 2], Filled(2 * k, options.NegativeAlpha)),
        };
        order = new AtenTensor(ATen.Empty(Long, [k], [1]));
        var indices = new int[k];
        Permutation.Of(options.Seed, ContrastiveCase.StepNumber, 0, k).Fill(0, indices);
        for (int i = 0; i < k; i++)
        {
            ((long*)ATen.Data(order.Handle))[i] = indices[i];
        }
    }

    /// <summary>The baseline of a case that transforms no positives, after it has shown that it computes the same.</summary>
    /// <exception cref="InvalidOperationException">The two differ.</exception>
    public static ATenContrastive Checked(FeatureTransformOptions options, ContrastiveCase shape)
    {
        _ = shape.Run();
        var baseline = new ATenContrastive(options, shape);

        // Where each row has its own lambda, theirs are of another generator: only the distribution is the same.
        bool sameDraws = options.Negative == NegativeTransform.None || options.NegativeScope == LambdaScope.Batch;
        Inputs.RequireClose(
            baseline.Run(), Math.Log(shape.Statistics.NegativeExp[0] * (double)shape.Queue.K), sameDraws ? 1e-4 : 0.1, "log-sum-exp of the first row");
        return baseline;
    }

    /// <summary>One step; returns log-sum-exp of the negatives of the first row.</summary>
    public float Run()
    {
        using AtenTensor? mixed = options.Negative == NegativeTransform.None ? null : Mix();
        AtenTensor negatives = mixed ?? queue;
        using AtenTensor transposed = AtenTensor.Call("aten::t\0"u8, negatives.Argument);
        using AtenTensor scores = AtenTensor.Call("aten::mm\0"u8, query.Argument, transposed.Argument);
        using AtenTensor logits = AtenTensor.Call("aten::mul\0"u8, "Tensor\0"u8, scores.Argument, scale.Argument);
        using AtenTensor total = AtenTensor.Call("aten::logsumexp\0"u8, logits.Argument, ATen.List(1), 0);
        using AtenTensor probabilities = AtenTensor.Call("aten::_softmax\0"u8, logits.Argument, 1, 0);
        using AtenTensor gradient = AtenTensor.Call("aten::mm\0"u8, probabilities.Argument, negatives.Argument);

        // Statistics: sums over the keys are products with ones.
        using AtenTensor exp = AtenTensor.Call("aten::exp\0"u8, logits.Argument);
        using AtenTensor square = AtenTensor.Call("aten::mul\0"u8, "Tensor\0"u8, scores.Argument, scores.Argument);
        using AtenTensor above = AtenTensor.Call("aten::gt\0"u8, "Tensor\0"u8, scores.Argument, positive.Argument);
        using AtenTensor count = AtenTensor.Call("aten::where\0"u8, "self\0"u8, above.Argument, one.Argument, zero.Argument);
        using AtenTensor scoreSum = AtenTensor.Call("aten::mm\0"u8, scores.Argument, ones.Argument);
        using AtenTensor squareSum = AtenTensor.Call("aten::mm\0"u8, square.Argument, ones.Argument);
        using AtenTensor expSum = AtenTensor.Call("aten::mm\0"u8, exp.Argument, ones.Argument);
        using AtenTensor rank = AtenTensor.Call("aten::mm\0"u8, count.Argument, ones.Argument);
        return *(float*)ATen.Data(total.Handle);
    }

    public void Dispose()
    {
        foreach (AtenTensor tensor in new[] { query, queue, order, weight, concentration, scale, positive, one, zero, ones })
        {
            tensor.Dispose();
        }
    }

    private static float[] Filled(int count, float value)
    {
        var values = new float[count];
        values.AsSpan().Fill(value);
        return values;
    }

    private AtenTensor Mix()
    {
        using AtenTensor partners = AtenTensor.Call("aten::index_select\0"u8, queue.Argument, 0, order.Argument);
        if (options.NegativeScope == LambdaScope.Batch)
        {
            return AtenTensor.Call("aten::lerp\0"u8, "Tensor\0"u8, partners.Argument, queue.Argument, weight.Argument);
        }

        int columns = options.NegativeScope == LambdaScope.Element ? c : 1;
        using AtenTensor draws = AtenTensor.Call("aten::_sample_dirichlet\0"u8, concentration.Argument, 0);
        using AtenTensor lambda = new(ATen.Blob(ATen.Data(draws.Handle), ATen.Float32, [k, columns], [2L * columns, 2]));
        return AtenTensor.Call("aten::lerp\0"u8, "Tensor\0"u8, partners.Argument, queue.Argument, lambda.Argument);
    }
}
