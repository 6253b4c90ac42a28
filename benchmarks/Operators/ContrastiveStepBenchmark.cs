using BenchmarkDotNet.Attributes;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>The fused pass (loss, gradient, statistics) beside the same mathematics as ATen operators one by one.</summary>
[MemoryDiagnoser]
public class ContrastiveStepBenchmark : IDisposable
{
    private ContrastiveCase shape = null!;
    private ATenContrastive baseline = null!;

    public static IEnumerable<PassWork> Works =>
    [
        .. PassShape.All.Select(shape => new PassWork(shape, LambdaScope.Batch)),
        new(PassShape.All[1], null), new(PassShape.All[1], LambdaScope.Row), new(PassShape.All[1], LambdaScope.Element),
    ];

    /// <summary>N x K x C and the scope of lambda.</summary>
    [ParamsSource(nameof(Works))]
    public PassWork Work { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        var options = new FeatureTransformOptions
        {
            Positive = PositiveTransform.None,
            Negative = Work.Scope is null ? NegativeTransform.None : NegativeTransform.Replace,
            NegativeScope = Work.Scope ?? LambdaScope.Batch,
        };
        var queue = new FeatureQueue(Work.Shape.K, Work.Shape.C);
        queue.Initialize(1);
        shape = new ContrastiveCase(options, Work.Shape.N, queue, Environment.ProcessorCount);
        ATen.SetThreads(Environment.ProcessorCount);
        baseline = ATenContrastive.Checked(options, shape);
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
