using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/softmax_cross_entropy.cu, which says what each is.</summary>
internal struct SoftmaxCrossEntropyArgs
{
    public ulong Logits, Labels, Gradient, Losses, Mean;
    public ulong Stride;
    public uint N, Classes;
}

/// <summary>Launches softmax_cross_entropy: losses and dL/dlogits, and the mean loss.</summary>
internal sealed class SoftmaxCrossEntropy(KernelLibrary library)
{
    /// <summary>Threads of a block: a warp a row.</summary>
    public const int Threads = 128;

    /// <summary>Threads of the one block of the mean.</summary>
    public const int MeanThreads = 256;

    private const int Rows = Threads / 32;

    private readonly CudaKernel rows = library.GetKernel(Variant, "softmax_cross_entropy");
    private readonly CudaKernel mean = library.GetKernel(Variant, "softmax_cross_entropy_mean");

    public static KernelVariant Variant { get; } = new("softmax_cross_entropy.cu");

    public void Launch(CudaStream stream, in SoftmaxCrossEntropyArgs args)
    {
        rows.Launch(stream, new Dim3(Launches.Blocks(args.N, Rows)), new Dim3(Threads), 0, args);
        mean.Launch(stream, new Dim3(1), new Dim3(MeanThreads), 0, args);
    }
}
