using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/relu_backward.cu, which says what each is.</summary>
internal struct ReluBackwardArgs
{
    public ulong Dy, Dy2, Y;
    public ulong Count;
}

/// <summary>Launches relu_backward: the gradient before a ReLU whose input a shortcut was added to.</summary>
internal sealed class ReluBackward(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block, four elements each.</summary>
    public const int Threads = 256;

    private readonly CudaKernel kernel = library.GetKernel(VariantOf(type), $"relu_backward_{Launches.Suffix(type)}");

    public static KernelVariant VariantOf(ElementType type) => new("relu_backward.cu", Launches.Flag("FT_BF16", type));

    public void Launch(CudaStream stream, in ReluBackwardArgs args) =>
        kernel.Launch(stream, new Dim3(Launches.Blocks((long)args.Count, 4 * Threads)), new Dim3(Threads), 0, args);
}
