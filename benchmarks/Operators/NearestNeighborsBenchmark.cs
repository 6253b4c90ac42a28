using System.Numerics.Tensors;
using BenchmarkDotNet.Attributes;
using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>A k-NN search.</summary>
public sealed record SearchWork(int Bank, int Queries, int C, int Neighbors) : IWork
{
    /// <summary>The similarities.</summary>
    public double Flops => 2.0 * Bank * Queries * C;

    public override string ToString() => $"{Queries} in {Bank} x {C}, k {Neighbors}";
}

/// <summary>The k most similar rows, in one pass, beside mm and topk of ATen. Both begin with unit rows.</summary>
[MemoryDiagnoser]
public unsafe class NearestNeighborsBenchmark : IDisposable
{
    private float[] queries = [], similarities = [];
    private int[] indices = [];
    private NearestNeighbors search = null!;
    private AtenTensor bank = null!, rows = null!;

    public static IEnumerable<SearchWork> Works => [new(20_000, 1000, 128, 200), new(20_000, 1000, 512, 20)];

    /// <summary>Queries, bank and neighbours.</summary>
    [ParamsSource(nameof(Works))]
    public SearchWork Work { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        float[] bankRows = Inputs.UnitRows(Work.Bank, Work.C, 1);
        queries = Inputs.UnitRows(Work.Queries, Work.C, 2);
        search = new NearestNeighbors(bankRows, Work.C, Environment.ProcessorCount);
        (indices, similarities) = (new int[Work.Queries * Work.Neighbors], new float[Work.Queries * Work.Neighbors]);
        ATen.SetThreads(Environment.ProcessorCount);
        bank = new AtenTensor([Work.Bank, Work.C], bankRows);
        rows = new AtenTensor([Work.Queries, Work.C], queries);
        Inputs.RequireClose(ATenOperators(), FusedSearch(), 1e-5, "sum of the similarities of the first query");
    }

    /// <summary>Returns the sum of the similarities of the first query.</summary>
    [Benchmark(Baseline = true)]
    public float ATenOperators()
    {
        using AtenTensor transposed = AtenTensor.Call("aten::t\0"u8, bank.Argument);
        using AtenTensor scores = AtenTensor.Call("aten::mm\0"u8, rows.Argument, transposed.Argument);
        ulong* stack = stackalloc ulong[5] { scores.Argument, (ulong)Work.Neighbors, 1, 1, 1 };
        ATen.Call("aten::topk\0"u8, stack);
        using AtenTensor values = new((nint)stack[0]), found = new((nint)stack[1]);
        return TensorPrimitives.Sum(new ReadOnlySpan<float>(ATen.Data(values.Handle), Work.Neighbors));
    }

    /// <summary>Returns the sum of the similarities of the first query.</summary>
    [Benchmark]
    public float FusedSearch()
    {
        search.Search(queries, Work.Neighbors, indices, similarities);
        return TensorPrimitives.Sum<float>(similarities.AsSpan(0, Work.Neighbors));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        search.Dispose();
        bank.Dispose();
        rows.Dispose();
        GC.SuppressFinalize(this);
    }
}
