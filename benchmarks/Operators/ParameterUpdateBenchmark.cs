using BenchmarkDotNet.Attributes;
using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.Benchmarks.TrainingStep;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>One pass over all parameters of a ResNet-18 in fp32.</summary>
/// <param name="Name">What is updated.</param>
/// <param name="Arrays">Floats that are read and written for one parameter.</param>
public sealed record UpdateWork(string Name, int Arrays) : IWork
{
    /// <summary>Trained parameters of ResNet-18 at width 1 with an MLP head to 128 channels.</summary>
    public const int Parameters = 11_504_832;

    public double Bytes => (double)Parameters * Arrays * sizeof(float);

    public override string ToString() => Name;
}

/// <summary>An update of all parameters in one pass, beside ATen operators tensor by tensor.</summary>
public abstract class ParameterUpdateBenchmark : IDisposable
{
    private CpuDevice device = null!;
    private AtenDevice operators = null!;
    private Encoder a = null!, b = null!;

    [GlobalSetup]
    public void Setup()
    {
        device = new CpuDevice(ElementType.Float32, Environment.ProcessorCount);
        operators = new AtenDevice(device, ElementType.Float32);
        var options = new ModelOptions { Width = 1, Stem = "standard" };
        (a, b) = (new Encoder(device, options, trained: true), new Encoder(device, options, trained: true));
        long trained = a.Store.Layout.Trained.Sum(parameter => (long)parameter.Count);
        if (trained != UpdateWork.Parameters)
        {
            throw new InvalidOperationException($"The network has {trained} trained parameters, not {UpdateWork.Parameters}.");
        }

        // The same update from the same state by both.
        Reset();
        ATenOperators();
        float[] expected = Weights();
        Reset();
        OnePass();
        float[] actual = Weights();
        for (int i = 0; i < expected.Length; i++)
        {
            Inputs.RequireClose(expected[i], actual[i], 1e-6, "updated parameter");
        }
    }

    [Benchmark(Baseline = true)]
    public void ATenOperators() => Update(operators, a.Store, b.Store);

    [Benchmark]
    public void OnePass() => Update(device, a.Store, b.Store);

    [GlobalCleanup]
    public void Dispose()
    {
        a.Dispose();
        b.Dispose();
        operators.Dispose();
        device.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract void Update(IDevice on, ParameterStore target, ParameterStore source);

    // Gradient and momentum are like weights, so that each term of an update counts.
    private unsafe void Reset()
    {
        Initialization.Fill(a.Store, 1);
        Initialization.Fill(b.Store, 2);
        var (target, source) = ((CpuParameterStore)a.Store, (CpuParameterStore)b.Store);
        long bytes = target.Layout.TrainedCount * sizeof(float);
        Buffer.MemoryCopy(source.Weights, target.Gradient, bytes, bytes);
        Buffer.MemoryCopy(source.Weights, target.Momentum, bytes, bytes);
    }

    private unsafe float[] Weights() =>
        new ReadOnlySpan<float>(((CpuParameterStore)a.Store).Weights, checked((int)a.Store.Layout.TrainedCount)).ToArray();
}

/// <summary>The key encoder's moving average.</summary>
public class MovingAverageBenchmark : ParameterUpdateBenchmark
{
    public static IEnumerable<UpdateWork> Works => [new("EMA of a ResNet-18", 3)];

    /// <summary>Reads both, writes one.</summary>
    [ParamsSource(nameof(Works))]
    public UpdateWork Work { get; set; } = null!;

    private protected override void Update(IDevice on, ParameterStore target, ParameterStore source) => on.Ema(target, source, 0.99f);
}

/// <summary>SGD with momentum and weight decay.</summary>
public class SgdBenchmark : ParameterUpdateBenchmark
{
    public static IEnumerable<UpdateWork> Works => [new("SGD of a ResNet-18", 5)];

    /// <summary>Reads weight, gradient and velocity, writes weight and velocity.</summary>
    [ParamsSource(nameof(Works))]
    public UpdateWork Work { get; set; } = null!;

    private protected override void Update(IDevice on, ParameterStore target, ParameterStore source)
    {
        on.LearningRate = 0.01f;
        on.Sgd(target, 0.9f, 5e-4f);
    }
}
