using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/bias_relu.cu, which says what each is.</summary>
internal struct BiasReluArgs
{
    public ulong Dy, Y, Gradient;
    public uint N, C;
}

/// <summary>Launches bias_relu_backward: the gradient before the ReLU of a linear layer, and that of its bias.</summary>
internal sealed class BiasRelu(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    private const int Columns = 32;

    private readonly CudaKernel kernel = library.GetKernel(Variant, $"bias_relu_backward_{Launches.Suffix(type)}");

    public static KernelVariant Variant { get; } = new("bias_relu.cu");

    public void Launch(CudaStream stream, in BiasReluArgs args) =>
        kernel.Launch(stream, new Dim3(Launches.Blocks(args.C, Columns)), new Dim3(Threads), 0, args);
}
