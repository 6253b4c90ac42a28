using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/norm_inference.cu, which says what each is.</summary>
internal struct NormInferenceArgs
{
    public ulong X, Shortcut, Weight, Bias, Mean, Variance;
    public ulong Rows;
    public uint C, Relu;
    public float Epsilon;
    public uint Reserved;
}

/// <summary>Launches norm_inference: batch normalisation by the running statistics, in place.</summary>
internal sealed class NormInference(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block, four channels of a row each.</summary>
    public const int Threads = 256;

    private readonly CudaKernel kernel = library.GetKernel(Variant, $"norm_inference_{Launches.Suffix(type)}");

    public static KernelVariant Variant { get; } = new("norm_inference.cu");

    public void Launch(CudaStream stream, in NormInferenceArgs args)
    {
        // The kernel numbers them in 32 bits.
        uint quads = checked((uint)(args.Rows * ((args.C + 3) / 4)));
        kernel.Launch(stream, new Dim3(Launches.Blocks(quads, Threads)), new Dim3(Threads), 0, args);
    }
}
