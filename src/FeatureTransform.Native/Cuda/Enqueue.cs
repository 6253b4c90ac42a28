using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of enqueue in kernels/enqueue.cu, which says what each is.</summary>
internal struct EnqueueArgs
{
    public ulong State, Keys, Loss, Queue;
    public uint N, K, C;
    public uint Reserved;
}

/// <summary>Arguments of advance_step in kernels/enqueue.cu.</summary>
internal struct AdvanceStepArgs
{
    public ulong State, Loss;
    public uint N, K;
}

/// <summary>Launches enqueue, which writes the keys of a step over the oldest rows, and advance_step, which moves the state on.</summary>
internal sealed class Enqueue(KernelLibrary library, ElementType queue)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    private readonly CudaKernel kernel = library.GetKernel(VariantOf(queue), $"enqueue_{Launches.Suffix(queue)}");
    private readonly CudaKernel advance = library.GetKernel(VariantOf(queue), "advance_step");

    public static KernelVariant VariantOf(ElementType queue) => new("enqueue.cu", Launches.Flag("FT_QUEUE_BF16", queue));

    public void Launch(CudaStream stream, in EnqueueArgs args) =>
        kernel.Launch(
            stream, new Dim3(Launches.Blocks(args.N, Launches.RowsPerBlock((int)args.C, Threads))), new Dim3(Threads), 0, args);

    /// <summary>Behind all that reads the state of the step.</summary>
    public void Advance(CudaStream stream, in AdvanceStepArgs args) => advance.Launch(stream, new Dim3(1), new Dim3(1), 0, args);
}
