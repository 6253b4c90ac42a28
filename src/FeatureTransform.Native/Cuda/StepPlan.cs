using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>
/// What does not change from step to step: the plan of the pass, the tables of the draws, where the parts of the workspace lie, and with
/// them the arguments of each kernel.
/// </summary>
internal sealed class StepPlan
{
    /// <summary>Every part of the workspace is aligned to this, and the workspace must be.</summary>
    public const int Alignment = 256;

    /// <exception cref="ArgumentException">A size or an option is outside its range.</exception>
    public StepPlan(FeatureTransformOptions options, CudaStepShape shape, CudaDevice device)
        : this(options, shape, device.MultiprocessorCount, device.SharedBytesPerBlock)
    {
    }

    /// <summary>For a device of so many multiprocessors, whose blocks may have so many bytes of shared memory.</summary>
    /// <exception cref="ArgumentException">A size or an option is outside its range.</exception>
    public unsafe StepPlan(FeatureTransformOptions options, CudaStepShape shape, int multiprocessors, int sharedBytes)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(shape);
        options.Validate();
        shape.Validate();
        (Options, Shape) = (options, shape);
        Pass = InfoNcePlan.Choose(shape, options, multiprocessors, sharedBytes);
        Positive = options.Positive == PositiveTransform.None ? null : new BetaQuantile(options.PositiveAlpha);
        Negative = options.Negative == NegativeTransform.None ? null : new BetaQuantile(options.NegativeAlpha);

        long features = (long)shape.MaxN * shape.C;
        State = Take(sizeof(StepState));
        PositiveTable = Take(TableBytes(Positive));
        NegativeTable = Take(TableBytes(Negative));
        QHat = Take(features * sizeof(float));
        KHat = Take(features * sizeof(float));
        QOperand = Take(Pass.Precision == CudaPrecision.BFloat16 ? features * sizeof(ushort) : 0);
        Norms = Take((long)shape.MaxN * sizeof(PairNorms));
        Scores = Take((long)shape.MaxN * sizeof(float));
        Finished = Take(sizeof(uint));
        Partials = Take(Pass.PartialBytes);
        Mixed = Take(Pass.MixedBytes);
    }

    public FeatureTransformOptions Options { get; }

    public CudaStepShape Shape { get; }

    /// <summary>How the pass over the queue runs.</summary>
    public InfoNcePlan Pass { get; }

    /// <summary>Draws of the positives; null where they are not transformed.</summary>
    public BetaQuantile? Positive { get; }

    /// <summary>Draws of the negatives; null where they are not transformed.</summary>
    public BetaQuantile? Negative { get; }

    /// <summary>What comes before and behind the pass.</summary>
    public KernelVariant Positives => PositivesProgram.VariantOf(Shape, Pass, Options.PositiveScope);

    /// <summary>The kernels that a step launches.</summary>
    public IReadOnlyList<KernelVariant> Variants =>
    [
        Positives, Pass.Variant, Cuda.Enqueue.VariantOf(Shape.Queue),
        .. Pass.Mixed is { } type ? (KernelVariant[])[MixQueue.VariantOf(Shape.Queue, type)] : [],
    ];

    /// <summary>Bytes of the workspace.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the state of the step lies in the workspace.</summary>
    public long State { get; }

    /// <summary>Where the table of <see cref="Positive"/> lies in the workspace.</summary>
    public long PositiveTable { get; }

    /// <summary>Where the table of <see cref="Negative"/> lies in the workspace.</summary>
    public long NegativeTable { get; }

    private long QHat { get; }

    private long KHat { get; }

    private long QOperand { get; }

    private long Norms { get; }

    private long Scores { get; }

    private long Finished { get; }

    private long Partials { get; }

    private long Mixed { get; }

    private uint Mixes => Negative is null ? 0u : 1;

    private uint Extends => Options.Negative == NegativeTransform.Extend ? 1u : 0;

    private float Scale => (float)(Math.Log2(Math.E) / Options.Tau);

    public MixPositiveArgs MixPositiveArgs(ulong start, in CudaStepBuffers buffers, int n) => new()
    {
        State = At(start, State),
        QRaw = buffers.QRaw,
        KRaw = buffers.KRaw,
        Table = At(start, PositiveTable),
        QHat = At(start, QHat),
        KHat = At(start, KHat),
        Keys = buffers.Keys,
        QOperand = Pass.Precision == CudaPrecision.BFloat16 ? At(start, QOperand) : 0,
        Norms = At(start, Norms),
        Positive = At(start, Scores),
        Seed = Options.Seed,
        QStride = Stride(buffers.QStride),
        KStride = Stride(buffers.KStride),
        N = (uint)n,
        C = (uint)Shape.C,
        Rank = Options.Rank,
        RowBits = RowBits(Positive),
        Transform = (uint)Options.Positive,
        Scope = (uint)Options.PositiveScope,
        Normalize = Options.PositiveNormalize ? 1u : 0,
        OperandScale = Scale,
    };

    public MixQueueArgs MixQueueArgs(ulong start, in CudaStepBuffers buffers) => new()
    {
        State = At(start, State),
        Queue = buffers.Queue,
        Table = At(start, NegativeTable),
        Mixed = At(start, Mixed),
        Seed = Options.Seed,
        K = (uint)Shape.K,
        C = (uint)Shape.C,
        Rank = Options.Rank,
        RowBits = RowBits(Negative),
        Scope = (uint)Options.NegativeScope,
        Normalize = Options.NegativeNormalize ? 1u : 0,
    };

    public InfoNceArgs InfoNceArgs(ulong start, in CudaStepBuffers buffers, int n) => new()
    {
        State = At(start, State),
        Queries = At(start, Pass.Precision == CudaPrecision.BFloat16 ? QOperand : QHat),
        Positive = At(start, Scores),
        Queue = Pass.QueueIsMixed ? At(start, Mixed) : buffers.Queue,
        Mixed = At(start, Mixed),
        Table = At(start, NegativeTable),
        Partials = At(start, Partials),
        Finished = At(start, Finished),
        Seed = Options.Seed,
        N = (uint)n,
        K = (uint)Shape.K,
        C = (uint)Shape.C,
        Rank = Options.Rank,
        RowBits = RowBits(Negative),
        Mix = Mixes,
        Extend = Extends,
        Scale = Scale,
    };

    public InfoNceFinishArgs FinishArgs(ulong start, in CudaStepBuffers buffers, int n) => new()
    {
        State = At(start, State),
        QRaw = buffers.QRaw,
        Keys = buffers.Keys,
        QHat = At(start, QHat),
        KHat = At(start, KHat),
        Norms = At(start, Norms),
        Positive = At(start, Scores),
        Table = At(start, PositiveTable),
        Partials = At(start, Partials),
        Finished = At(start, Finished),
        Loss = buffers.Loss,
        Statistics = buffers.Statistics,
        DqRaw = buffers.DqRaw,
        Seed = Options.Seed,
        QStride = Stride(buffers.QStride),
        DqStride = Stride(buffers.DqStride),
        N = (uint)n,
        K = (uint)Shape.K,
        C = (uint)Shape.C,
        Rank = Options.Rank,
        RowBits = RowBits(Positive),
        Transform = (uint)Options.Positive,
        Scope = (uint)Options.PositiveScope,
        Normalize = Options.PositiveNormalize ? 1u : 0,
        Mix = Mixes,
        Extend = Extends,
        Tau = Options.Tau,
    };

    public EnqueueArgs EnqueueArgs(ulong start, in CudaStepBuffers buffers, int n) => new()
    {
        State = At(start, State),
        Keys = buffers.Keys,
        Loss = buffers.Loss,
        Queue = buffers.Queue,
        N = (uint)n,
        K = (uint)Shape.K,
        C = (uint)Shape.C,
    };

    public AdvanceStepArgs AdvanceArgs(ulong start, in CudaStepBuffers buffers, int n) =>
        new() { State = At(start, State), Loss = buffers.Loss, N = (uint)n, K = (uint)Shape.K };

    private static ulong At(ulong start, long offset) => start + (ulong)offset;

    private static uint RowBits(BetaQuantile? quantile) => (uint)(quantile?.RowBits ?? 0);

    private static long TableBytes(BetaQuantile? quantile) => quantile is null ? 0 : (long)quantile.Table.Length * sizeof(float);

    private ulong Stride(int stride) => (ulong)(stride == 0 ? Shape.C : stride);

    private long Take(long bytes)
    {
        long offset = Bytes;
        Bytes = checked(offset + ((bytes + Alignment - 1) / Alignment * Alignment));
        return offset;
    }
}
