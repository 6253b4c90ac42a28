using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>One shape of the contrastive step with its inputs and outputs.</summary>
internal sealed class ContrastiveCase : IDisposable
{
    /// <summary>Step of the random draws.</summary>
    public const uint StepNumber = 1;

    private readonly float[] gradient, keys;

    public ContrastiveCase(FeatureTransformOptions options, int n, FeatureQueue queue, int threads)
    {
        (N, Queue) = (n, queue);
        float[] Draw(RandomUse use) => [.. Enumerable.Range(0, n * queue.C).Select(
            i => (Philox.Element(1, 0, use, (ulong)i) / 2147483648f) - 1)];
        Q = Draw(RandomUse.Augmentation);
        K = [.. Q.Zip(Draw(RandomUse.DataOrder), (a, b) => a + (0.5f * b))];
        (gradient, keys, Statistics) = (new float[Q.Length], new float[Q.Length], new RowStatistics(n));
        Step = new ContrastiveStep(options, n, queue.C, threads);
    }

    public int N { get; }

    public FeatureQueue Queue { get; }

    public float[] Q { get; }

    public float[] K { get; }

    public ContrastiveStep Step { get; }

    public RowStatistics Statistics { get; }

    public float Run() => Step.Run(Q, K, Queue, StepNumber, transform: true, gradient, keys, Statistics);

    public void Dispose() => Step.Dispose();
}
