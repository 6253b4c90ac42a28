using System.Buffers;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;
using CastKernel = FeatureTransform.Native.Cuda.Cast;
using EmaKernel = FeatureTransform.Native.Cuda.Ema;
using GlobalAverageKernel = FeatureTransform.Native.Cuda.GlobalAverage;
using ScatterRowsKernel = FeatureTransform.Native.Cuda.ScatterRows;
using SgdKernel = FeatureTransform.Native.Cuda.Sgd;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// A CUDA device: convolutions, batch normalisation and pooling by cuDNN, linear layers by cuBLASLt, everything else by our own
/// kernels, all in one stream. A tensor's data is a device address, its handle a block of the arena.
/// </summary>
internal sealed unsafe partial class CudaDevice : IDevice
{
    /// <summary>Channels of images and of the filters on them are padded to a multiple of this with zeros, for tensor cores.</summary>
    public const int ChannelAlignment = 8;

    /// <summary>Most bytes that a library's algorithm may ask for as workspace.</summary>
    public const long WorkspaceLimit = 256L << 20;

    private readonly CudaContext context;
    private readonly KernelLibrary kernels;
    private readonly CudaPrecision precision;
    private readonly ElementType type;
    private readonly CudaStream stream;
    private readonly DeviceArena arena;
    private readonly PinnedUploads uploads;
    private readonly DeviceMemory learningRate;
    private readonly CastKernel cast;
    private readonly EmaKernel ema;
    private readonly SgdKernel sgd;
    private readonly LayerPlans layers;
    private readonly StepGraph graph;
    private DeviceMemory? workspace;

    /// <param name="context">The context of the device; the caller disposes of it, after this.</param>
    /// <param name="kernels">The kernels of FeatureTransform.Native; the caller's too.</param>
    /// <param name="cuDnn">Where cuDNN's functions are taken from.</param>
    /// <param name="cuBlasLt">Where cuBLASLt's functions are taken from.</param>
    /// <param name="precision">How layers multiply, and whether activations are bf16.</param>
    /// <param name="separateTensors">Memory of its own for each tensor, so that an emulator can watch its bounds.</param>
    /// <param name="planCache">Where cuDNN's plans are kept from one run to the next; null for nowhere.</param>
    /// <param name="cudaGraph">Whether steps are recorded and replayed as a CUDA graph; never where tensors have memory of their own.</param>
    /// <param name="report">Is told what a person may want to know.</param>
    /// <exception cref="CudaException">A library refuses.</exception>
    public CudaDevice(
        CudaContext context, KernelLibrary kernels, ISymbolSource cuDnn, ISymbolSource cuBlasLt, CudaPrecision precision,
        bool separateTensors = false, KernelCache? planCache = null, bool cudaGraph = true, Action<string>? report = null)
    {
        (this.context, this.kernels, this.precision) = (context, kernels, precision);
        type = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
        (cast, ema, sgd) = (new CastKernel(kernels, type), new EmaKernel(kernels, type), new SgdKernel(kernels, type));
        biasRelu = new BiasRelu(kernels, type);
        blas = new CuBlasLt(context, cuBlasLt, WorkspaceLimit);
        globalAverage = new GlobalAverageKernel(kernels, type);
        stream = new CudaStream(context);
        layers = new LayerPlans(new CuDnn(cuDnn), stream, strict: precision == CudaPrecision.Float32, planCache) { Report = report };
        arena = new DeviceArena(context, separateTensors);
        uploads = new PinnedUploads(stream);
        learningRate = new DeviceMemory(context, sizeof(float));
        graph = new StepGraph(stream, arena, records: cudaGraph && !separateTensors, report);
    }

    /// <summary>What ends with the device, in this order.</summary>
    public IReadOnlyList<IDisposable> Owned { get; init; } = [];

    public string Description => $"cuda, {context.Device.Name}, {NameOf(precision)}";

    public (string? LibTorch, string? Cuda) Libraries =>
        (null, $"driver {context.Device.Driver.VersionText}, {blas.Description}, {layers.Library}");

    /// <summary>Where all work of the device runs.</summary>
    public CudaStream Stream => stream;

    /// <summary>Type of activations.</summary>
    public ElementType Type => type;

    /// <summary>Kernels of the device.</summary>
    public KernelLibrary Kernels => kernels;

    /// <summary>Memory of activations.</summary>
    public DeviceArena Arena => arena;

    /// <summary>What a person calls a precision.</summary>
    public static string NameOf(CudaPrecision precision) => precision switch
    {
        CudaPrecision.BFloat16 => "bf16",
        CudaPrecision.TensorFloat32 => "tf32",
        _ => "fp32",
    };

    public int StepsAhead => 1;

    public float LearningRate
    {
        set => learningRate.FillWords(BitConverter.SingleToUInt32Bits(value), stream);
    }

    /// <summary>Takes the memory of a step, and plans cuDNN's graphs of it, which takes minutes where no earlier run has done so.</summary>
    public void Reserve(PretrainOptions options)
    {
        MemoryPlan plan = MemoryPlan.Require(options, precision, context.GetFreeMemory(), context.Device.Name);
        arena.Reserve(plan.Activations);
        _ = Workspace(layers.Prepare(plan.Graphs));
    }

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) =>
        new CudaParameterStore(context, stream, cast, layout, trained, type);

    /// <summary>The channels are padded with zeros to <see cref="ChannelAlignment"/>: the tensor is N x S x S x 8.</summary>
    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size)
    {
        const int channels = 3;
        Require(pixels.Length, (long)n * size * size * channels, nameof(pixels));
        Tensor uploaded = Allocate(ElementType.Float32, n, size, size, channels);
        uploads.Upload(pixels, (ulong)uploaded.Data);
        Tensor images = Images((ulong)uploaded.Data, n, size);
        Free(uploaded);
        return images;
    }

    /// <summary>Images that lie on the device in fp32, N x S x S x 3.</summary>
    public Tensor Images(ulong pixels, int n, int size)
    {
        const int channels = 3;
        Tensor images = Allocate(type, n, size, size, ChannelAlignment);
        cast.Launch(stream, ElementType.Float32, type, new CastArgs
        {
            Source = pixels,
            Target = (ulong)images.Data,
            Rows = (ulong)images.Pixels,
            SourceColumns = channels,
            TargetColumns = ChannelAlignment,
        });
        return images;
    }

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c)
    {
        Require(matrix.Length, (long)n * c, nameof(matrix));
        Tensor tensor = Allocate(type, n, 1, 1, c);
        if (type == ElementType.Float32)
        {
            DeviceCopies.Upload(stream, matrix, (ulong)tensor.Data);
            return tensor;
        }

        ushort[] rounded = ArrayPool<ushort>.Shared.Rent(matrix.Length);
        fixed (float* from = matrix)
        fixed (ushort* to = rounded)
        {
            BFloat16.Round(from, to, matrix.Length);
        }

        DeviceCopies.Upload<ushort>(stream, rounded.AsSpan(0, matrix.Length), (ulong)tensor.Data);
        ArrayPool<ushort>.Shared.Return(rounded);
        return tensor;
    }

    public void Download(Tensor tensor, Span<float> destination)
    {
        Require(destination.Length, tensor.Count, nameof(destination));
        if (tensor.Type == ElementType.Float32)
        {
            DeviceCopies.Download(stream, (ulong)tensor.Data, destination);
            return;
        }

        ushort[] rounded = ArrayPool<ushort>.Shared.Rent(destination.Length);
        DeviceCopies.Download(stream, (ulong)tensor.Data, rounded.AsSpan(0, destination.Length));
        fixed (ushort* from = rounded)
        fixed (float* to = destination)
        {
            BFloat16.Widen(from, to, destination.Length);
        }

        ArrayPool<ushort>.Shared.Return(rounded);
    }

    public void Free(Tensor tensor) => arena.Free(tensor.Handle);

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order)
    {
        Require(order.Length, matrix.N, nameof(order));
        Tensor uploaded = AllocateBytes(order.Length * sizeof(int));
        DeviceCopies.Upload(stream, order, (ulong)uploaded.Data);
        Tensor result = ScatterRows(matrix, (ulong)uploaded.Data);
        Free(uploaded);
        return result;
    }

    private ScatterRowsKernel ScatterRowsKernel => field ??= new ScatterRowsKernel(kernels, type);

    /// <summary>The same by an order that lies on the device: N integers of 32 bits.</summary>
    public Tensor ScatterRows(Tensor matrix, ulong order)
    {
        Tensor result = Allocate(type, matrix.N, 1, 1, matrix.C);
        ScatterRowsKernel.Launch(stream, new ScatterRowsArgs
        {
            Source = (ulong)matrix.Data,
            Target = (ulong)result.Data,
            Order = order,
            N = (uint)matrix.N,
            C = (uint)matrix.C,
        });
        return result;
    }

    public IViews CreateViews(PretrainOptions options) => new CudaViews(this, context, options);

    public void Replay(Action step) => graph.Run(step);

    /// <summary>To be called where memory moves that a step uses: it is recorded anew.</summary>
    public void ForgetStep() => graph.Forget();

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) =>
        new CudaContrast(this, context, kernels, options, queue, n, type, precision);

    /// <summary>On the CPU where the device has no memory left for the bank.</summary>
    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) =>
        CudaNeighbors.GetBytes(bank.Length / c, c, most, k, context.Device.MultiprocessorCount) < context.GetFreeMemory()
            ? new CudaNeighbors(kernels, stream, bank, c, most, k)
            : new CpuNeighbors(bank, c, threads: 0);

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        new CudaSoftmaxRegression(this, standardization, classes, batchSize);

    /// <summary>A matrix that lies on the device in fp32, in the device's precision.</summary>
    public Tensor FromFloat32(ulong address, int n, int c)
    {
        Tensor tensor = Allocate(type, n, 1, 1, c);
        cast.Launch(stream, ElementType.Float32, type, new CastArgs
        {
            Source = address,
            Target = (ulong)tensor.Data,
            Rows = 1,
            SourceColumns = (ulong)tensor.Count,
            TargetColumns = (ulong)tensor.Count,
        });
        return tensor;
    }

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
        var (to, from) = ((CudaParameterStore)target, (CudaParameterStore)source);
        ema.Launch(stream, new EmaArgs
        {
            Target = to.Weights,
            Source = from.Weights,
            TargetBf16 = to.RoundedWeights,
            Count = (ulong)to.Layout.TrainedCount,
            M = m,
            Rest = 1 - m,
        });
        to.PadWeights();
    }

    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null)
    {
        var trained = (CudaParameterStore)store;
        sgd.Launch(stream, trained.Chunks, new SgdArgs
        {
            Arrays = trained.Arrays(learningRate.Address, (step as CudaContrast)?.LossAddress ?? 0),
            Momentum = momentum,
            Decay = weightDecay,
        });
        trained.PadWeights();
    }

    public void Dispose()
    {
        stream.Synchronize();
        graph.Dispose();
        layers.Dispose();
        blas.Dispose();
        workspace?.Dispose();
        learningRate.Dispose();
        uploads.Dispose();
        arena.Dispose();
        stream.Dispose();
        foreach (IDisposable owned in Owned)
        {
            owned.Dispose();
        }
    }

    /// <summary>A new tensor; its contents are undefined.</summary>
    public Tensor Allocate(ElementType type, int n, int h, int w, int c)
    {
        (nint handle, ulong address) = arena.Allocate((long)n * h * w * c * SizeOf(type));
        return new Tensor(handle, (nint)address, type, n, h, w, c);
    }

    /// <summary>A new block of bytes, as a tensor that <see cref="Free"/> takes; its contents are undefined.</summary>
    public Tensor AllocateBytes(long bytes)
    {
        (nint handle, ulong address) = arena.Allocate(bytes);
        return new Tensor(handle, (nint)address, ElementType.Float32, 1, 1, 1, checked((int)((bytes + 3) / sizeof(float))));
    }

    /// <summary>
    /// The workspace that all operations share, as they run in one stream; its contents last to the next operation. It only
    /// grows, and growing waits for the device. 0 where no bytes are needed.
    /// </summary>
    private ulong Workspace(long bytes)
    {
        if (bytes <= 0)
        {
            return 0;
        }

        if (workspace is null || workspace.Bytes < bytes)
        {
            stream.Synchronize();
            graph.Forget();
            workspace?.Dispose();
            workspace = null;
            workspace = new DeviceMemory(context, BlockAllocator.Rounded(bytes));
        }

        return workspace.Address;
    }

    private static int SizeOf(ElementType type) => type == ElementType.Float32 ? sizeof(float) : sizeof(ushort);

    private static void Require(int given, long expected, string name)
    {
        if (given != expected)
        {
            throw new ArgumentException($"{given} values given where {expected} were expected.", name);
        }
    }
}
