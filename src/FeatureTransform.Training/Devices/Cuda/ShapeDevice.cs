using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Takes memory as <see cref="CudaDevice"/> does, operation by operation, and computes nothing: a step over it says what the same
/// step will need, of memory and of plans. No device and no pixels are needed.
/// </summary>
internal sealed class ShapeDevice(CudaPrecision precision) : IDevice
{
    private readonly ElementType type = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
    private readonly BlockAllocator blocks = new();
    private readonly Dictionary<nint, long> live = []; // bytes by handle, which is the offset + 1
    private readonly Dictionary<string, OperationGraph> graphs = [];

    public string Description => "shapes";

    public (string? LibTorch, string? Cuda) Libraries => (null, null);

    /// <summary>Most bytes of activations at once, holes between them included.</summary>
    public long Peak => blocks.Peak;

    /// <summary>Bytes of parameters, of all stores that were made.</summary>
    public long ParameterBytes { get; private set; }

    /// <summary>The graphs that cuDNN has to plan, each once.</summary>
    public IReadOnlyCollection<OperationGraph> Graphs => graphs.Values;

    public int StepsAhead => 0;

    public float LearningRate
    {
        set { }
    }

    public void Reserve(PretrainOptions options)
    {
    }

    public ParameterStore CreateStore(ParameterLayout layout, bool trained)
    {
        ParameterBytes += CudaParameterStore.GetBytes(layout, trained, type);
        return new NoParameters(layout);
    }

    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size)
    {
        Tensor images = Allocate(type, n, size, size, CudaDevice.ChannelAlignment);
        Free(Allocate(ElementType.Float32, n, size, size, 3));
        return images;
    }

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c) => Allocate(type, n, 1, 1, c);

    public void Download(Tensor tensor, Span<float> destination)
    {
    }

    public void Free(Tensor tensor)
    {
        if (tensor.Exists)
        {
            live.Remove(tensor.Handle, out long bytes);
            blocks.Free(tensor.Handle - 1, bytes);
        }
    }

    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        ConvolutionShape shape = ConvolutionShape.Of(x, weight, stride, padding);
        Add(NetworkGraphs.Convolution(shape));
        return Allocate(type, x.N, shape.OutH, shape.OutW, shape.K);
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
        return Like(x);
    }

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        Tensor y = Like(x);
        NormShape shape = NormShape.Forward(x, groups, 0, shortcut.Exists, relu);
        statistics = AllocateBytes(new NormStatistics(0, groups, x.C, shape.MaskBytes).Bytes);
        Add(NetworkGraphs.BatchNorm(shape));
        if (groups > 1)
        {
            Add(NetworkGraphs.BatchNorm(NormShape.Forward(x, groups, 1, shortcut.Exists, relu)));
        }

        Free(Allocate(ElementType.Float32, 1, 1, 2, x.C));
        return y;
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) => x;

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        NormShape shape = NormShape.Backward(x, groups, shortcut, relu, dy2.Exists);
        Add(NetworkGraphs.BatchNormBackward(shape));
        Tensor beforeRelu = shape.Shortcut ? Like(x) : default, dx = Like(x);
        if (groups > 1)
        {
            Free(Allocate(ElementType.Float32, 2, 1, groups, x.C));
        }

        if (beforeRelu.Exists)
        {
            Free(dy);
            dy = beforeRelu;
        }

        return dx;
    }

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        PoolShape shape = PoolShape.Max(x);
        Add(NetworkGraphs.MaxPool(shape));
        Tensor y = Allocate(type, x.N, shape.OutH, shape.OutW, x.C);
        indices = AllocateBytes(y.Count);
        return y;
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices)
    {
        Add(NetworkGraphs.MaxPoolBackward(PoolShape.Max(x)));
        return Like(x);
    }

    public Tensor GlobalAverage(Tensor x) => Allocate(type, x.N, 1, 1, x.C);

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w) => Allocate(type, dy.N, h, w, dy.C);

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        Allocate(type, x.N, 1, 1, weight.Shape[0]);

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        Like(x);

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order) => Like(matrix);

    public IViews CreateViews(PretrainOptions options) => new ViewShapes(this, options.Optimizer.BatchSize, options.Data.ImageSize);

    public void Replay(Action step) => step();

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) => throw new NotSupportedException();

    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) => throw new NotSupportedException();

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        throw new NotSupportedException();

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
    }

    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null)
    {
    }

    public void Dispose()
    {
    }

    private void Add(OperationGraph graph) => graphs.TryAdd(graph.ToString(), graph);

    private Tensor Like(Tensor x) => Allocate(x.Type, x.N, x.H, x.W, x.C);

    private Tensor Allocate(ElementType type, int n, int h, int w, int c)
    {
        nint handle = Take((long)n * h * w * c * (type == ElementType.Float32 ? sizeof(float) : sizeof(ushort)));
        return new Tensor(handle, handle, type, n, h, w, c);
    }

    private Tensor AllocateBytes(long bytes)
    {
        nint handle = Take(bytes);
        return new Tensor(handle, handle, ElementType.Float32, 1, 1, 1, checked((int)((bytes + 3) / sizeof(float))));
    }

    private nint Take(long bytes)
    {
        nint handle = (nint)blocks.Allocate(bytes) + 1;
        live.Add(handle, bytes);
        return handle;
    }

    // As CudaViews.
    private sealed class ViewShapes(ShapeDevice device, int n, int size) : IViews
    {
        public PairBatch CreateBatch() => throw new NotSupportedException();

        public void Load(PairBatch batch, ReadOnlySpan<int> order)
        {
        }

        public Tensor Get(int view)
        {
            Tensor images = device.Allocate(device.type, n, size, size, CudaDevice.ChannelAlignment);
            Tensor planes = device.AllocateBytes(CudaViews.PlaneBytes(n, size)), sums = device.AllocateBytes(CudaViews.SumBytes(n, size));
            device.Free(sums);
            device.Free(planes);
            return images;
        }

        public Tensor InBatchOrder(Tensor rows) => device.ScatterRows(rows, []);

        public void Dispose()
        {
        }
    }

    private sealed class NoParameters(ParameterLayout layout) : ParameterStore(layout)
    {
        public override void Read(Parameter parameter, Span<float> destination) => throw new NotSupportedException();

        public override void Write(Parameter parameter, ReadOnlySpan<float> source) => throw new NotSupportedException();

        public override void ReadGradient(Parameter parameter, Span<float> destination) => throw new NotSupportedException();

        public override void ReadMomentum(Parameter parameter, Span<float> destination) => throw new NotSupportedException();

        public override void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source) => throw new NotSupportedException();

        public override void Refresh()
        {
        }

        public override void Dispose()
        {
        }
    }
}
