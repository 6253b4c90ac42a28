using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of the infonce kernels; kernels/common/infonce.cuh says what each is.</summary>
internal struct InfoNceArgs
{
    public ulong State, Queries, Positive, Queue, Mixed, Table, Partials, Finished;
    public ulong Seed;
    public uint N, K, C;
    public uint Rank, RowBits;
    public uint Mix, Extend;
    public float Scale;
}

/// <summary>Launches the pass over the queue, as a plan says.</summary>
internal sealed class InfoNce
{
    private const int SharedWithoutAsking = 48 * 1024, CopyBytes = 16;

    private readonly CudaKernel kernel;
    private readonly InfoNcePlan plan;

    /// <exception cref="CudaException">The kernel cannot be had, or the device has less shared memory than the plan
    /// takes.</exception>
    public InfoNce(KernelLibrary library, InfoNcePlan plan)
    {
        this.plan = plan;
        kernel = library.GetKernel(plan.Variant, plan.Kernel);
        if (plan.DynamicSharedBytes + kernel.StaticSharedBytes > SharedWithoutAsking)
        {
            kernel.SetDynamicShared(plan.DynamicSharedBytes);
        }
    }

    /// <exception cref="ArgumentException">Tensor cores are used and the queue is not aligned to 16 bytes.</exception>
    public void Launch(CudaStream stream, in InfoNceArgs args)
    {
        if (plan.Precision != CudaPrecision.Float32 && args.Queue % CopyBytes != 0)
        {
            throw new ArgumentException(
                $"The queue must lie at a multiple of {CopyBytes} bytes for {plan.Precision}; given 0x{args.Queue:x}.",
                nameof(args));
        }

        var grid = new Dim3((uint)plan.Blocks((int)args.N));
        kernel.Launch(stream, grid, new Dim3((uint)plan.Threads), plan.DynamicSharedBytes, args);
    }
}
