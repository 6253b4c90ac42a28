using BenchmarkDotNet.Attributes;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>New keys into the queue on one thread, beside ATen's copy (which does not look for the largest norm), also on one.</summary>
public unsafe class EnqueueBenchmark : IDisposable
{
    private const int K = 65536;
    private FeatureQueue queue = null!;
    private float[] keys = [];
    private AtenTensor rows = null!, target = null!;

    public static IEnumerable<RowsWork> Works => [new(256, 128), new(256, 128, sizeof(ushort))];

    /// <summary>Keys, and how the queue stores them.</summary>
    [ParamsSource(nameof(Works))]
    public RowsWork Work { get; set; } = null!;

    private bool IsHalf => Work.BytesWritten == sizeof(ushort);

    [GlobalSetup]
    public void Setup()
    {
        keys = Inputs.UnitRows(Work.N, Work.C, 1);
        queue = new FeatureQueue(K, Work.C, IsHalf ? ElementType.BFloat16 : ElementType.Float32);
        ATen.SetThreads(1);
        rows = new AtenTensor([Work.N, Work.C], keys);
        target = new AtenTensor(ATen.Empty(IsHalf ? ATen.BFloat16 : ATen.Float32, [Work.N, Work.C], [Work.C, 1]));
        ATenCopy();
        Enqueue();
        int bytes = Work.N * Work.C * Work.BytesWritten;
        if (!queue.Bytes[..bytes].SequenceEqual(new ReadOnlySpan<byte>(ATen.Data(target.Handle), bytes)))
        {
            throw new InvalidOperationException("The queue's rows are not those of ATen's copy.");
        }
    }

    [Benchmark(Baseline = true)]
    public void ATenCopy() => AtenTensor.Call("aten::copy_\0"u8, target.Argument, rows.Argument, 0).Dispose();

    [Benchmark]
    public void Enqueue() => queue.Enqueue(keys);

    [GlobalCleanup]
    public void Dispose()
    {
        rows.Dispose();
        target.Dispose();
        GC.SuppressFinalize(this);
    }
}
