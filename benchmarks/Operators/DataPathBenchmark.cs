using BenchmarkDotNet.Attributes;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>
/// Augmentation on one thread: time of a pair, mean over the random parameters of 256 pairs. The baseline is torchvision, in
/// another process: <c>-- data</c>.
/// </summary>
[MemoryDiagnoser]
public class DataPathBenchmark
{
    private const int Pairs = 256;
    private DataPathCase data = null!;

    public static IEnumerable<string> Names => DataPathCase.Names;

    /// <summary>Size of the views and what they are made from.</summary>
    [ParamsSource(nameof(Names))]
    public string Views { get; set; } = "";

    [GlobalSetup]
    public void Setup() => data = new DataPathCase(Views);

    /// <summary>One pair.</summary>
    [Benchmark(OperationsPerInvoke = Pairs)]
    public float Pair()
    {
        float value = 0;
        for (int i = 0; i < Pairs; i++)
        {
            value = data.Pair(i);
        }

        return value;
    }
}
