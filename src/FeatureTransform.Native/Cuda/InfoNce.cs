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
    /// <summary>What the tensor core kernels copy of the queue at a time: it must be aligned to this.</summary>
    public const int CopyBytes = 16;

    private const int SharedWithoutAsking = 48 * 1024;

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

    public void Launch(CudaStream stream, in InfoNceArgs args)
    {
        var grid = new Dim3((uint)plan.Blocks((int)args.N));
        kernel.Launch(stream, grid, new Dim3((uint)plan.Threads), plan.DynamicSharedBytes, args);
    }
}
