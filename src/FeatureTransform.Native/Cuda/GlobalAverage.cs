using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/global_average.cu, which says what each is.</summary>
internal struct GlobalAverageArgs
{
    public ulong From, To;
    public uint N, Pixels, C;
    public uint Reserved;
}

/// <summary>Launches global_average, the mean over the pixels of each image, and its gradient.</summary>
internal sealed class GlobalAverage(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    private const int Channels = 128, Quad = 4;

    private readonly CudaKernel forward = library.GetKernel(TrainingStepProgram.VariantOf(type), $"global_average_{Launches.Suffix(type)}");
    private readonly CudaKernel backward = library.GetKernel(TrainingStepProgram.VariantOf(type), $"global_average_backward_{Launches.Suffix(type)}");

    public void Forward(CudaStream stream, in GlobalAverageArgs args) =>
        forward.Launch(stream, new Dim3(args.N, Launches.Blocks(args.C, Channels)), new Dim3(Threads), 0, args);

    public void Backward(CudaStream stream, in GlobalAverageArgs args)
    {
        // The kernel numbers them in 32 bits.
        uint quads = checked(args.N * args.Pixels * Launches.Blocks(args.C, Quad));
        backward.Launch(stream, new Dim3(Launches.Blocks(quads, Threads)), new Dim3(Threads), 0, args);
    }
}
