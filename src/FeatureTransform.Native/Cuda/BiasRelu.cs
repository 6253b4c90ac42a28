using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/bias_relu.cu, which says what each is.</summary>
internal struct BiasReluArgs
{
    public ulong Dy, Y, Gradient;
    public uint N, C;
}

/// <summary>Launches bias_relu_backward: the gradient before the ReLU of a linear layer, and that of its bias.</summary>
internal sealed class BiasRelu
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    private const int Columns = 32;

    private readonly Dictionary<ElementType, CudaKernel> kernels = [];

    /// <param name="library">Where the kernels are.</param>
    /// <param name="type">The type beside fp32; fp32 if there is none.</param>
    public BiasRelu(KernelLibrary library, ElementType type)
    {
        foreach (ElementType gradient in new[] { ElementType.Float32, type }.Distinct())
        {
            kernels[gradient] = library.GetKernel(TrainingStepProgram.VariantOf(type), $"bias_relu_backward_{Launches.Suffix(gradient)}");
        }
    }

    /// <param name="stream">Where it runs.</param>
    /// <param name="type">The type of the gradient and of y.</param>
    /// <param name="args">Arguments.</param>
    public void Launch(CudaStream stream, ElementType type, in BiasReluArgs args) =>
        kernels[type].Launch(stream, new Dim3(Launches.Blocks(args.C, Columns)), new Dim3(Threads), 0, args);
}
