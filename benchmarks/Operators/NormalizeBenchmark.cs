using BenchmarkDotNet.Attributes;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>Rows to unit length on one thread, beside ATen's norm and division, also on one.</summary>
public unsafe class NormalizeBenchmark : IDisposable
{
    private AlignedBuffer source = null!, target = null!;
    private AtenTensor rows = null!;

    public static IEnumerable<RowsWork> Works => [new(256, 128), new(4096, 128)];

    /// <summary>Rows.</summary>
    [ParamsSource(nameof(Works))]
    public RowsWork Work { get; set; } = null!;

    [GlobalSetup]
    public void Setup()
    {
        int count = Work.N * Work.C;
        (source, target) = (new AlignedBuffer(count), new AlignedBuffer(count));
        var random = new Random(1);
        for (int i = 0; i < count; i++)
        {
            source.Pointer[i] = (float)random.NextDouble() - 0.5f;
        }

        ATen.SetThreads(1);
        rows = new AtenTensor([Work.N, Work.C], new ReadOnlySpan<float>(source.Pointer, count));
        Inputs.RequireClose(ATenOperators(), Normalize(), 1e-6, "last channel of the last row");
    }

    /// <summary>Returns the last channel of the last row.</summary>
    [Benchmark(Baseline = true)]
    public float ATenOperators()
    {
        // norm.ScalarOpt_dim takes a Scalar, which LibTorch's C ABI cannot pass: the norm is the root of a sum of squares.
        using AtenTensor square = AtenTensor.Call("aten::mul\0"u8, "Tensor\0"u8, rows.Argument, rows.Argument);
        using AtenTensor sum = AtenTensor.Call("aten::sum\0"u8, "dim_IntList\0"u8, square.Argument, AtenTensor.Some(ATen.List(1)), 1, 0);
        using AtenTensor norm = AtenTensor.Call("aten::sqrt\0"u8, sum.Argument);
        using AtenTensor unit = AtenTensor.Call("aten::div\0"u8, "Tensor\0"u8, rows.Argument, norm.Argument);
        return ((float*)ATen.Data(unit.Handle))[(Work.N * Work.C) - 1];
    }

    /// <summary>Returns the last channel of the last row.</summary>
    [Benchmark]
    public float Normalize()
    {
        for (int i = 0; i < Work.N; i++)
        {
            float* row = target.Pointer + (i * Work.C);
            RowMath.Copy(source.Pointer + (i * Work.C), row, Work.C);
            _ = RowMath.Normalize(row, RowMath.Padded(Work.C));
        }

        return target.Pointer[(Work.N * Work.C) - 1];
    }

    [GlobalCleanup]
    public void Dispose()
    {
        rows.Dispose();
        GC.SuppressFinalize(this);
    }
}
