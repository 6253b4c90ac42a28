using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Benchmarks.Roofline;

/// <summary>
/// Notes what each operation of a step in bf16 multiplies and moves on a CUDA device, by the graphs that run there, and computes
/// nothing; tensors are shapes alone.
/// </summary>
internal sealed class CountingDevice : IDevice
{
    private const int Half = sizeof(ushort), Single = sizeof(float);

    private readonly List<LayerWork> work = [];
    private nint tensors;

    /// <summary>What was done so far, in order.</summary>
    public IReadOnlyList<LayerWork> Work => work;

    /// <summary>Bytes that came from the host.</summary>
    public double Uploaded { get; private set; }

    public string Description => "work";

    public (string? LibTorch, string? Cuda) Libraries => (null, null);

    public void Reserve(PretrainOptions options)
    {
    }

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) => new NoParameters(layout);

    public int StepsAhead => 0;

    public float LearningRate
    {
        set { }
    }

    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size) => throw new NotSupportedException();

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c) => Make(n, 1, 1, c);

    public void Download(Tensor tensor, Span<float> destination)
    {
    }

    public void Free(Tensor tensor)
    {
    }

    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        ConvolutionShape shape = ConvolutionShape.Of(x, weight, stride, padding);
        Add($"{Stage(weight)}: convolution", NetworkGraphs.Convolution(shape), Flops(shape, weight));
        return Make(x.N, shape.OutH, shape.OutW, shape.K);
    }

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient)
    {
        ConvolutionShape shape = ConvolutionShape.Of(x, weight, stride, padding);
        Add($"{Stage(weight)}: convolution backward filter", NetworkGraphs.ConvolutionBackwardFilter(shape), Flops(shape, weight));
        if (!inputGradient)
        {
            return default;
        }

        Add($"{Stage(weight)}: convolution backward data", NetworkGraphs.ConvolutionBackwardData(shape), Flops(shape, weight));
        return Like(x);
    }

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        RequireOneGroup(groups);
        NormShape shape = NormShape.Forward(x, groups, 0, shortcut.Exists, relu);
        long saved = new NormStatistics(0, groups, x.C, shape.MaskBytes).Bytes;
        statistics = new Tensor(++tensors, 0, ElementType.Float32, 1, 1, 1, checked((int)((saved + Single - 1) / Single)));
        Add("batch norm", NetworkGraphs.BatchNorm(shape));
        return Like(x);
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) => x;

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        RequireOneGroup(groups);
        Add("batch norm backward", NetworkGraphs.BatchNormBackward(NormShape.Backward(x, groups, shortcut, relu, dy2.Exists)));
        return Like(x);
    }

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        PoolShape shape = PoolShape.Max(x);
        Add("pooling", NetworkGraphs.MaxPool(shape));
        Tensor y = Make(x.N, shape.OutH, shape.OutW, x.C);
        indices = Like(y);
        return y;
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices)
    {
        Add("pooling", NetworkGraphs.MaxPoolBackward(PoolShape.Max(x)));
        return Like(x);
    }

    public Tensor GlobalAverage(Tensor x)
    {
        Tensor y = Make(x.N, 1, 1, x.C);
        Add("pooling", bytes: Half * (x.Count + y.Count));
        return y;
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        Tensor dx = Make(dy.N, h, w, dy.C);
        Add("pooling", bytes: Half * (dy.Count + dx.Count));
        return dx;
    }

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        Tensor y = Make(x.N, 1, 1, weight.Shape[0]);
        Add("head", 2.0 * x.N * weight.Count, Half * (x.Count + weight.Count + bias.Count + y.Count));
        return y;
    }

    // Bias and ReLU, then the products of dW, which is fp32, and dx.
    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        Add("head", bytes: (Half * dy.Count * (relu ? 3 : 1)) + (Single * bias.Count));
        Add("head", 2.0 * x.N * weight.Count, (Half * (dy.Count + x.Count)) + (Single * weight.Count));
        Add("head", 2.0 * x.N * weight.Count, Half * (dy.Count + weight.Count + x.Count));
        return Like(x);
    }

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order) => throw new NotSupportedException();

    public IViews CreateViews(PretrainOptions options) => new CountedViews(this, options);

    public void Replay(Action step) => step();

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) => new Contrast(this, queue, n);

    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) => throw new NotSupportedException();

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        throw new NotSupportedException();

    public void Ema(ParameterStore target, ParameterStore source, float m) =>
        Add("parameter update", bytes: ((3.0 * Single) + Half) * Trained(target)); // both are read; the target is written, and rounded

    // Weight and velocity are read and written, and the weight rounded; gradients of filters are bf16.
    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null) =>
        Add("parameter update", bytes: store.Layout.Trained.Sum(parameter =>
            (double)parameter.Count * ((4 * Single) + Half + (parameter.Kind == ParameterKind.Convolution ? Half : Single))));

    public void Dispose()
    {
    }

    /// <summary>Notes bytes that come from the host.</summary>
    public void AddUpload(double bytes) => Uploaded += bytes;

    /// <summary>Notes work of a group of layers.</summary>
    public void Add(string group, double flops = 0, double bytes = 0) => work.Add(new LayerWork(group, flops, bytes));

    /// <summary>A tensor without memory.</summary>
    public Tensor Make(int n, int h, int w, int c) => new(++tensors, 0, ElementType.BFloat16, n, h, w, c);

    private static double Trained(ParameterStore store) => store.Layout.Trained.Sum(parameter => parameter.Count);

    // Those of the image, without its padding.
    private static double Flops(ConvolutionShape shape, Parameter weight) =>
        2.0 * shape.N * shape.OutH * shape.OutW * weight.Count;

    /// <summary>"layer2" of layer2.0.conv1.weight; the stem's parameters are in no layer.</summary>
    private static string Stage(Parameter weight) =>
        weight.Name.StartsWith("layer", StringComparison.Ordinal) ? weight.Name[..weight.Name.IndexOf('.', StringComparison.Ordinal)] : "stem";

    private static void RequireOneGroup(int groups)
    {
        if (groups != 1)
        {
            throw new NotSupportedException("Virtual devices are not counted.");
        }
    }

    private void Add(string group, OperationGraph graph, double flops = 0) => Add(group, flops, graph.Stored.Sum(tensor => (double)tensor.Bytes));

    private Tensor Like(Tensor x) => Make(x.N, x.H, x.W, x.C);

    /// <summary>The pass over the queue: logits and gradient are two products with it, which is read once.</summary>
    private sealed class Contrast(CountingDevice device, FeatureQueue queue, int n) : IContrast
    {
        private const int Statistics = 7;

        private double Row => (double)n * queue.C;

        public void Begin(uint step, bool transform)
        {
        }

        public Tensor Run(Tensor q, Tensor k)
        {
            double keysAndGradient = 2 * Single * Row, cast = (Single + Half) * Row;
            device.Add(
                "contrastive pass", 4.0 * n * queue.K * queue.C,
                (2 * Half * Row) + queue.Bytes.Length + keysAndGradient + cast + (Statistics * Single * n));
            return device.Make(n, 1, 1, queue.C);
        }

        public void Enqueue() => device.Add("contrastive pass", bytes: (Single * Row) + ((double)n * queue.Bytes.Length / queue.K));

        public void Publish()
        {
        }

        public float Read(RowStatistics statistics) => 0;

        public void ReadPlain(Tensor q, Tensor k, RowStatistics statistics) => throw new NotSupportedException();

        public FeatureQueue ReadQueue() => queue;

        public void WriteQueue(FeatureQueue queue)
        {
        }

        public void Dispose()
        {
        }
    }

    private sealed class NoParameters(ParameterLayout layout) : ParameterStore(layout)
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
