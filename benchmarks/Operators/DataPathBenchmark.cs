using BenchmarkDotNet.Attributes;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>
/// Augmentation on one thread: time of a pair, mean over the random parameters of 256 pairs. The baseline is torchvision, in
/// another process: <c>-- data</c>.
/// </summary>
[MemoryDiagnoser]
public class DataPathBenchmark
{
    private const int Epochs = 16;
    private DataPathCase data = null!;

    public static IEnumerable<string> Names => DataPathCase.Names;

    /// <summary>Size of the views and what they are made from.</summary>
    [ParamsSource(nameof(Names))]
    public string Views { get; set; } = "";

    [GlobalSetup]
    public void Setup() => data = new DataPathCase(Views);

    /// <summary>One pair.</summary>
    [Benchmark(OperationsPerInvoke = Epochs * DataPathCase.Images)]
    public float Pair()
    {
        float value = 0;
        for (int epoch = 0; epoch < Epochs; epoch++)
        {
            value = data.MakePairs(epoch);
        }

        return value;
    }
}
