using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Benchmarks.Plans;

/// <summary>
/// A device without memory: a network that runs on it leaves the list of the cuDNN graphs that the CUDA device would execute.
/// </summary>
internal sealed class NetworkTrace : IDevice
{
    private readonly Dictionary<string, OperationGraph> graphs = [];
    private readonly ElementType type;
    private readonly int n, size;

    private NetworkTrace(ElementType type, int n, int size) => (this.type, this.n, this.size) = (type, n, size);

    /// <summary>The graphs, each once, of a training step.</summary>
    /// <param name="options">The network.</param>
    /// <param name="type">Of its activations.</param>
    /// <param name="n">Images of the batch.</param>
    /// <param name="size">Their height and width.</param>
    /// <param name="groups">Virtual devices of shuffle-BN.</param>
    public static IReadOnlyList<OperationGraph> Graphs(ModelOptions options, ElementType type, int n, int size, int groups = 1)
    {
        using var trace = new NetworkTrace(type, n, size);
        using var encoder = new Encoder(trace, options, trained: true);
        Tensor embeddings = encoder.Forward([], n, size, new ForwardMode(BatchStatistics: true, KeepForBackward: true, groups));
        encoder.Backward(embeddings);
        return [.. trace.graphs.Values];
    }

    public string Description => "trace";

    public (string? LibTorch, string? Cuda) Libraries => default;

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) => new NoStore(layout);

    public Tensor Images(ReadOnlySpan<float> pixels, int images, int pixelsOfSide) => Shape(n, size, size, CudaDevice.ChannelAlignment);

    public Tensor Upload(ReadOnlySpan<float> matrix, int rows, int c) => Shape(rows, 1, 1, c);

    public void Download(Tensor tensor, Span<float> destination)
    {
    }

    public void Free(Tensor tensor)
    {
    }

    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        ConvolutionShape shape = ConvolutionShape.Of(x, weight, stride, padding);
        Add(NetworkGraphs.Convolution(shape));
        return Shape(x.N, shape.OutH, shape.OutW, shape.K);
    }

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient)
    {
        ConvolutionShape shape = ConvolutionShape.Of(x, weight, stride, padding);
        Add(NetworkGraphs.ConvolutionBackwardFilter(shape));
        if (!inputGradient)
        {
            return default;
        }

        Add(NetworkGraphs.ConvolutionBackwardData(shape));
        return x;
    }

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        for (int group = 0; group < Math.Min(groups, 2); group++)
        {
            Add(NetworkGraphs.BatchNorm(NormShape.Forward(x, groups, group, shortcut.Exists, relu)));
        }

        statistics = Shape(shortcut.Exists ? 1 : 2, 1, 1, 1);
        return x;
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) => x;

    public Tensor BatchNormBackward(
        Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool relu, int groups, Tensor statistics)
    {
        bool hadShortcut = statistics.N == 1;
        Add(NetworkGraphs.BatchNormBackward(NormShape.Backward(x, groups, masked: relu && !hadShortcut && !dy2.Exists)));
        return x;
    }

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        PoolShape shape = PoolShape.Max(x);
        Add(NetworkGraphs.MaxPool(shape));
        indices = Shape(1, 1, 1, 1);
        return Shape(x.N, shape.OutH, shape.OutW, x.C);
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices)
    {
        Add(NetworkGraphs.MaxPoolBackward(PoolShape.Max(x)));
        return x;
    }

    public Tensor GlobalAverage(Tensor x)
    {
        Add(NetworkGraphs.Average(PoolShape.Global(x)));
        return Shape(x.N, 1, 1, x.C);
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        Tensor dx = Shape(dy.N, h, w, dy.C);
        Add(NetworkGraphs.AverageBackward(PoolShape.Global(dx)));
        return dx;
    }

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu) => Shape(x.N, 1, 1, weight.Shape[0]);

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu) => x;

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order) => matrix;

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int rows) => throw new NotSupportedException();

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
    }

    public void Sgd(ParameterStore store, float learningRate, float momentum, float weightDecay)
    {
    }

    public void Dispose()
    {
    }

    private Tensor Shape(int images, int h, int w, int c) => new(1, 0, type, images, h, w, c);

    private void Add(OperationGraph graph) => graphs.TryAdd(graph.ToString(), graph);

    private sealed class NoStore(ParameterLayout layout) : ParameterStore(layout)
    {
        public override void Read(Parameter parameter, Span<float> destination)
        {
        }

        public override void Write(Parameter parameter, ReadOnlySpan<float> source)
        {
        }

        public override void ReadGradient(Parameter parameter, Span<float> destination)
        {
        }

        public override void ReadMomentum(Parameter parameter, Span<float> destination)
        {
        }

        public override void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source)
        {
        }

        public override void Refresh()
        {
        }

        public override void Dispose()
        {
        }
    }
}
