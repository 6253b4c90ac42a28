using FeatureTransform.Native;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Takes memory as <see cref="CudaDevice"/> does, operation by operation, and computes nothing: a step over it says what the same
/// step will need. No device and no pixels are needed.
/// </summary>
internal sealed class ShapeDevice(CudaPrecision precision) : IDevice
{
    private readonly ElementType type = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
    private readonly BlockAllocator blocks = new();
    private readonly Dictionary<nint, long> live = []; // bytes by handle, which is the offset + 1

    public string Description => "shapes";

    public (string? LibTorch, string? Cuda) Libraries => (null, null);

    /// <summary>Most bytes of activations at once, holes between them included.</summary>
    public long Peak => blocks.Peak;

    /// <summary>Bytes of parameters, of all stores that were made.</summary>
    public long ParameterBytes { get; private set; }

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
        int filter = weight.Shape[2];
        return Allocate(type, x.N, Outputs(x.H, filter, stride, padding), Outputs(x.W, filter, stride, padding), weight.Shape[0]);
    }

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient) =>
        inputGradient ? Like(x) : default;

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        Tensor y = Like(x);
        statistics = Allocate(ElementType.Float32, groups, 1, 1, 2 * x.C);
        return y;
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) => x;

    public Tensor BatchNormBackward(
        Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool relu, int groups, Tensor statistics) =>
        Like(x);

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        Tensor y = Allocate(type, x.N, Outputs(x.H, 3, 2, 1), Outputs(x.W, 3, 2, 1), x.C);
        indices = AllocateBytes(y.Count);
        return y;
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices) => Like(x);

    public Tensor GlobalAverage(Tensor x) => Allocate(type, x.N, 1, 1, x.C);

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w) => Allocate(type, dy.N, h, w, dy.C);

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        Allocate(type, x.N, 1, 1, weight.Shape[0]);

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        Like(x);

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order)
    {
        Tensor result = Like(matrix);
        Free(AllocateBytes((long)matrix.N * sizeof(int)));
        return result;
    }

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) => throw new NotSupportedException();

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
    }

    public void Sgd(ParameterStore store, float learningRate, float momentum, float weightDecay)
    {
    }

    public void Dispose()
    {
    }

    private static int Outputs(int size, int filter, int stride, int padding) => ((size + (2 * padding) - filter) / stride) + 1;

    private Tensor Like(Tensor x) => Allocate(x.Type, x.N, x.H, x.W, x.C);

    private Tensor Allocate(ElementType type, int n, int h, int w, int c)
    {
        nint handle = Take((long)n * h * w * c * (type == ElementType.Float32 ? sizeof(float) : sizeof(ushort)));
        return new Tensor(handle, handle, type, n, h, w, c);
    }

    private Tensor AllocateBytes(long bytes)
    {
        nint handle = Take(bytes);
        return new Tensor(handle, handle, ElementType.Float32, 1, 1, 1, 0);
    }

    private nint Take(long bytes)
    {
        nint handle = (nint)blocks.Allocate(bytes) + 1;
        live.Add(handle, bytes);
        return handle;
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
