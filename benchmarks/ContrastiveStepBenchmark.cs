using BenchmarkDotNet.Attributes;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks;

/// <summary>The fused pass beside the same mathematics as ATen operators one by one.</summary>
[MemoryDiagnoser]
public class ContrastiveStepBenchmark : IDisposable
{
    private ContrastiveCase shape = null!;
    private ATenContrastive baseline = null!;

    [Params(256)]
    public int N { get; set; }

    [Params(4096, 65536)]
    public int K { get; set; }

    [Params(LambdaScope.Batch, LambdaScope.Element)]
    public LambdaScope Scope { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var options = new FeatureTransformOptions { Positive = PositiveTransform.None, NegativeScope = Scope };
        var queue = new FeatureQueue(K, 128);
        queue.Initialize(1);
        shape = new ContrastiveCase(options, N, queue, Environment.ProcessorCount);
        float loss = shape.Run();
        if (!float.IsFinite(loss))
        {
            throw new InvalidOperationException($"The loss is {loss}.");
        }

        ATen.SetThreads(Environment.ProcessorCount);
        float[] unit = [.. shape.Q.Chunk(128).SelectMany(row => row.Select(x => (float)(x / Math.Sqrt(row.Sum(y => (double)y * y)))))];
        float lambda = new BetaQuantile(options.NegativeAlpha).Draw(options, 1, RandomUse.NegativeLambda, 0);
        baseline = new ATenContrastive(
            unit, shape.Statistics.PositiveScore, queue, lambda, Scope == LambdaScope.Element, options.NegativeAlpha, options.Tau);
        double expected = Math.Log(shape.Statistics.NegativeExp[0] * (double)K), actual = baseline.Run();

        // Draws of another generator: in scope element only the distribution is the same.
        if (!(Math.Abs(expected - actual) < (Scope == LambdaScope.Element ? 0.1 : 1e-4)))
        {
            throw new InvalidOperationException($"The baseline's log-sum-exp is {actual}, the pass's {expected}.");
        }
    }

    [Benchmark(Baseline = true)]
    public float ATenOperators() => baseline.Run();

    [Benchmark]
    public float FusedPass() => shape.Run();

    [GlobalCleanup]
    public void Dispose()
    {
        shape.Dispose();
        baseline.Dispose();
        GC.SuppressFinalize(this);
    }
}
