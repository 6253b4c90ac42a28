using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/mix_queue.cu, which says what each is.</summary>
internal struct MixQueueArgs
{
    public ulong State, Queue, Table, Mixed;
    public ulong Seed;
    public uint K, C;
    public uint Rank, RowBits;
    public uint Scope, Normalize;
}

/// <summary>Launches mix_queue: the transformed queue, once for all queries.</summary>
internal sealed class MixQueue(KernelLibrary library, ElementType queue, ElementType mixed)
{
    /// <summary>Threads of a block, and its rows: each thread draws pi and lambda of one.</summary>
    public const int Threads = 128;

    private const int Octaves = 33, TableRowBytes = 4 * sizeof(float);

    private readonly CudaKernel kernel = library.GetKernel(VariantOf(queue, mixed), "mix_queue");

    public static KernelVariant VariantOf(ElementType queue, ElementType mixed) =>
        new("mix_queue.cu", Launches.Flag("FT_QUEUE_BF16", queue), Launches.Flag("FT_MIXED_BF16", mixed));

    public void Launch(CudaStream stream, in MixQueueArgs args)
    {
        // Where every element draws, the quantile table lies in shared memory.
        int shared = args.Scope == (uint)LambdaScope.Element ? (Octaves << (int)args.RowBits) * TableRowBytes : 0;
        kernel.Launch(stream, new Dim3(Launches.Blocks(args.K, Threads)), new Dim3(Threads), shared, args);
    }
}
