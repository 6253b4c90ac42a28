using System.Diagnostics;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.TrainingStep;

/// <summary>A device that measures where the time of another goes, by kind of operation.</summary>
internal sealed class TimedDevice(IDevice inner) : IDevice
{
    private readonly Dictionary<string, long> ticks = [];

    public string Description => inner.Description;

    public IReadOnlyDictionary<string, long> Ticks => ticks;

    public void Reset() => ticks.Clear();

    public void Print(int steps, double secondsPerStep)
    {
        double sum = 0;
        foreach ((string kind, long value) in ticks.OrderByDescending(pair => pair.Value))
        {
            double ms = value * 1e3 / Stopwatch.Frequency / steps;
            sum += ms;
            Console.WriteLine($"  {kind,-24} {ms,8:F1} ms {ms / secondsPerStep / 10,6:F1} %");
        }

        Console.WriteLine($"  {"rest",-24} {(secondsPerStep * 1e3) - sum,8:F1} ms");
    }

    public (string? LibTorch, string? Cuda) Libraries => inner.Libraries;

    public int StepsAhead => inner.StepsAhead;

    public float LearningRate
    {
        set => inner.LearningRate = value;
    }

    public void Reserve(PretrainOptions options) => inner.Reserve(options);

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) => inner.CreateStore(layout, trained);

    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size)
    {
        long start = Stopwatch.GetTimestamp();
        Tensor result = inner.Images(pixels, n, size);
        return Add("copies", start, result);
    }

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c) => inner.Upload(matrix, n, c);

    public void Download(Tensor tensor, Span<float> destination) => inner.Download(tensor, destination);

    public void Free(Tensor tensor)
    {
        long start = Stopwatch.GetTimestamp();
        inner.Free(tensor);
        _ = Add("free", start, tensor);
    }

    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("convolution", start, inner.Convolution(x, store, weight, stride, padding));
    }

    public Tensor ConvolutionBackward(Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("convolution backward", start, inner.ConvolutionBackward(dy, x, store, weight, stride, padding, inputGradient));
    }

    public Tensor BatchNorm(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("batch norm", start, inner.BatchNorm(x, shortcut, store, norm, relu, groups, out statistics));
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) =>
        inner.BatchNormInference(x, shortcut, store, norm, relu);

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("batch norm backward", start, inner.BatchNormBackward(ref dy, dy2, x, y, store, norm, shortcut, relu, groups, statistics));
    }

    public Tensor MaxPool(Tensor x, out Tensor indices) => inner.MaxPool(x, out indices);

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices) => inner.MaxPoolBackward(dy, x, indices);

    public Tensor GlobalAverage(Tensor x)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("average", start, inner.GlobalAverage(x));
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("average", start, inner.GlobalAverageBackward(dy, h, w));
    }

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("linear", start, inner.Linear(x, store, weight, bias, relu));
    }

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        long start = Stopwatch.GetTimestamp();
        return Add("linear", start, inner.LinearBackward(dy, x, y, store, weight, bias, relu));
    }

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order) => inner.ScatterRows(matrix, order);

    public IViews CreateViews(PretrainOptions options) => new HostViews(this, options.Optimizer.BatchSize, options.Data.ImageSize);

    public void Replay(Action step) => inner.Replay(step);

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) =>
        inner.CreateContrast(options, queue, n);

    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) => inner.CreateSearch(bank, c, most, k);

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        inner.CreateSoftmaxRegression(standardization, classes, batchSize);

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
        long start = Stopwatch.GetTimestamp();
        inner.Ema(target, source, m);
        _ = Add("optimiser", start, default);
    }

    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null)
    {
        long start = Stopwatch.GetTimestamp();
        inner.Sgd(store, momentum, weightDecay, step);
        _ = Add("optimiser", start, default);
    }

    public void Dispose()
    {
    }

    private Tensor Add(string kind, long start, Tensor result)
    {
        ticks[kind] = ticks.GetValueOrDefault(kind) + Stopwatch.GetTimestamp() - start;
        return result;
    }
}
