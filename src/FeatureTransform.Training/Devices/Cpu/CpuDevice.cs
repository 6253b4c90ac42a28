using FeatureTransform.LibTorch;
using FeatureTransform.Native;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>
/// The CPU: convolutions, linear layers and max pooling by LibTorch's operators on channels-last tensors, everything
/// between them by our own fused passes on LibTorch's threads.
/// </summary>
internal sealed unsafe partial class CpuDevice : IDevice
{
    private readonly ElementType type;

    /// <param name="type">Precision of activations and of the weights' copies in convolutions.</param>
    /// <param name="threads">Threads of computation; 0: one a core.</param>
    public CpuDevice(ElementType type, int threads)
    {
        this.type = type;
        Threads = threads > 0 ? threads : Environment.ProcessorCount;
        ATen.SetThreads(Threads);
    }

    public int Threads { get; }

    public string Description =>
        $"cpu, {(type == ElementType.Float32 ? "fp32" : "bf16")}, {Threads} thread{(Threads == 1 ? "" : "s")}";

    public (string? LibTorch, string? Cuda) Libraries => (ATen.Version, null);

    public int StepsAhead => 0;

    public float LearningRate { private get; set; }

    public void Reserve(PretrainOptions options)
    {
    }

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) =>
        new CpuParameterStore(layout, trained, type == ElementType.BFloat16);

    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size) => FromHost(pixels, Empty(type, n, size, size, 3));

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c) => FromHost(matrix, Empty(type, n, 1, 1, c));

    public void Download(Tensor tensor, Span<float> destination)
    {
        if (destination.Length != tensor.Count)
        {
            throw new ArgumentException($"destination has {destination.Length} floats, the tensor {tensor.Count}.", nameof(destination));
        }

        if (tensor.Type == ElementType.Float32)
        {
            new ReadOnlySpan<float>((void*)tensor.Data, destination.Length).CopyTo(destination);
            return;
        }

        fixed (float* target = destination)
        {
            BFloat16.Widen((ushort*)tensor.Data, target, destination.Length);
        }
    }

    public void Free(Tensor tensor) => ATen.Delete(tensor.Handle);

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order)
    {
        Tensor result = Empty(matrix.Type, matrix.N, 1, 1, matrix.C);
        int bytes = matrix.C * (matrix.Type == ElementType.Float32 ? sizeof(float) : sizeof(ushort));
        for (int i = 0; i < order.Length; i++)
        {
            new ReadOnlySpan<byte>((byte*)matrix.Data + ((long)i * bytes), bytes)
                .CopyTo(new Span<byte>((byte*)result.Data + ((long)order[i] * bytes), bytes));
        }

        return result;
    }

    public IViews CreateViews(PretrainOptions options) => new HostViews(this, options.Optimizer.BatchSize, options.Data.ImageSize);

    public void Replay(Action step) => step();

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) =>
        new CpuContrast(this, options, queue, n);

    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) => new CpuNeighbors(bank, c, Threads);

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        new CpuSoftmaxRegression(standardization, classes, batchSize, Threads);

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
        var (to, from) = ((CpuParameterStore)target, (CpuParameterStore)source);
        ElementwiseKernels.Ema(to.Weights, from.Weights, to.HalfWeights, to.Layout.TrainedCount, m);
    }

    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null)
    {
        if (step is CpuContrast { IsFinite: false })
        {
            return;
        }

        var s = (CpuParameterStore)store;
        ElementwiseKernels.Sgd(
            s.Weights, s.Gradient, s.Momentum, s.HalfWeights, s.Layout.TrainedCount, LearningRate, momentum, weightDecay);
    }

    public void Dispose()
    {
        System.Runtime.InteropServices.NativeMemory.AlignedFree(scratch);
        scratch = null;
        scratchCount = 0;
    }

    private static int TorchType(ElementType type) => type == ElementType.Float32 ? ATen.Float32 : ATen.BFloat16;

    private static Tensor Empty(ElementType type, int n, int h, int w, int c)
    {
        nint handle = h == 1 && w == 1
            ? ATen.Empty(TorchType(type), [n, c], [c, 1])
            : ATen.Empty(TorchType(type), [n, c, h, w], [(long)h * w * c, 1, (long)w * c, c]);
        return new Tensor(handle, (nint)ATen.Data(handle), type, n, h, w, c);
    }

    /// <summary>The tensor that an operator returned in a stack slot.</summary>
    private static Tensor Adopt(ulong slot, ElementType type, int n, int h, int w, int c) =>
        new((nint)slot, (nint)ATen.Data((nint)slot), type, n, h, w, c);

    private static Tensor FromHost(ReadOnlySpan<float> source, Tensor tensor)
    {
        if (source.Length != tensor.Count)
        {
            throw new ArgumentException(
                $"{source.Length} floats given for a tensor of {tensor.N} x {tensor.H} x {tensor.W} x {tensor.C}.", nameof(source));
        }

        fixed (float* pointer = source)
        {
            if (tensor.Type == ElementType.Float32)
            {
                source.CopyTo(new Span<float>((void*)tensor.Data, source.Length));
            }
            else
            {
                ElementwiseKernels.Cast(pointer, (ushort*)tensor.Data, source.Length);
            }
        }

        return tensor;
    }
}
