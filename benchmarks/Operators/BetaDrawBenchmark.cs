using BenchmarkDotNet.Attributes;
using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>Draws of Beta(a, a).</summary>
public sealed record DrawWork(int Count, float Alpha) : IWork
{
    public double Items => Count;

    public override string ToString() => $"{Count}, a {Alpha}";
}

/// <summary>Beta draws of scope element on one thread, beside ATen's Dirichlet, of which PyTorch's Beta is made, also on one.</summary>
public unsafe class BetaDrawBenchmark : IDisposable
{
    private BetaDraws draws = null!;
    private AlignedBuffer target = null!;
    private AtenTensor concentration = null!;
    private ulong first;

    public static IEnumerable<DrawWork> Works => [new(65536, 1.6f)];

    /// <summary>Draws of a call.</summary>
    [ParamsSource(nameof(Works))]
    public DrawWork Work { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        draws = new BetaDraws(new BetaQuantile(Work.Alpha));
        target = new AlignedBuffer(BetaDraws.Before + Work.Count + BetaDraws.Behind);
        var alphas = new float[2 * Work.Count];
        alphas.AsSpan().Fill(Work.Alpha);
        ATen.SetThreads(1);
        concentration = new AtenTensor([Work.Count, 2], alphas);

        // Two generators: mean and mean square of the draws are those of the distribution, within five standard errors.
        double square = 0.25 + (0.25 / ((2 * Work.Alpha) + 1)), error = 5 / Math.Sqrt(Work.Count);
        using AtenTensor theirs = Dirichlet();
        _ = QuantileTable();
        var (ours, reference) = ((0.0, 0.0), (0.0, 0.0));
        for (int i = 0; i < Work.Count; i++)
        {
            double x = target.Pointer[BetaDraws.Before + i], y = ((float*)ATen.Data(theirs.Handle))[2 * i];
            ours = (ours.Item1 + (x / Work.Count), ours.Item2 + (x * x / Work.Count));
            reference = (reference.Item1 + (y / Work.Count), reference.Item2 + (y * y / Work.Count));
        }

        foreach ((double mean, double meanSquare) in new[] { ours, reference })
        {
            Inputs.RequireClose(0.5, mean, error, "mean of the draws");
            Inputs.RequireClose(square, meanSquare, error, "mean square of the draws");
        }
    }

    [Benchmark(Baseline = true)]
    public void ATenDirichlet() => Dirichlet().Dispose();

    [Benchmark]
    public float QuantileTable()
    {
        draws.Fill(0, 0, RandomUse.NegativeLambda, 0, first += (ulong)Work.Count, Work.Count, target.Pointer + BetaDraws.Before);
        return target.Pointer[BetaDraws.Before];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        concentration.Dispose();
        GC.SuppressFinalize(this);
    }

    private AtenTensor Dirichlet() => AtenTensor.Call("aten::_sample_dirichlet\0"u8, concentration.Argument, 0);
}
