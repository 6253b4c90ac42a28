namespace FeatureTransform.Native.Cuda;

/// <summary>Where the parts of a step's workspace lie, in bytes from its beginning.</summary>
internal sealed class StepWorkspace
{
    /// <summary>Every part is aligned to this, and the workspace must be.</summary>
    public const int Alignment = 256;

    /// <summary>Lays out the parts; <paramref name="mixed"/> is the room for the transformed queue, 0 where the pass makes it.</summary>
    public unsafe StepWorkspace(CudaStepShape shape, BetaQuantile? positive, BetaQuantile? negative, long partials, long mixed)
    {
        long features = (long)shape.MaxN * shape.C;
        State = Take(sizeof(StepState));
        PositiveTable = Take(TableBytes(positive));
        NegativeTable = Take(TableBytes(negative));
        QHat = Take(features * sizeof(float));
        KHat = Take(features * sizeof(float));
        QOperand = Take(shape.Precision == CudaPrecision.BFloat16 ? features * sizeof(ushort) : 0);
        Norms = Take((long)shape.MaxN * sizeof(PairNorms));
        Positive = Take((long)shape.MaxN * sizeof(float));
        Finished = Take(sizeof(uint));
        Partials = Take(partials);
        Mixed = Take(mixed);
    }

    /// <summary>Bytes of all parts.</summary>
    public long Bytes { get; private set; }

    public long State { get; }

    public long PositiveTable { get; }

    public long NegativeTable { get; }

    public long QHat { get; }

    public long KHat { get; }

    public long QOperand { get; }

    public long Norms { get; }

    public long Positive { get; }

    public long Finished { get; }

    public long Partials { get; }

    public long Mixed { get; }

    private static long TableBytes(BetaQuantile? quantile) => quantile is null ? 0 : (long)quantile.Table.Length * sizeof(float);

    private long Take(long bytes)
    {
        long offset = Bytes;
        Bytes = checked(offset + ((bytes + Alignment - 1) / Alignment * Alignment));
        return offset;
    }
}
