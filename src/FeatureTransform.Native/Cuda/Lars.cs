using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/lars.cu, which says what each is.</summary>
internal struct LarsArgs
{
    public ParameterArrays Arrays;
    public ulong Squares;
    public float Momentum, Decay, Trust;
    public uint Reserved;
}

/// <summary>Launches lars_norms and lars over all parameters.</summary>
internal sealed class Lars(KernelLibrary library)
{
    /// <summary>Threads of a block, which takes one chunk.</summary>
    public const int Threads = 256;

    /// <summary>Bytes of <see cref="LarsArgs.Squares"/> a chunk.</summary>
    public const int SquareBytes = 2 * sizeof(double);

    private readonly CudaKernel norms = library.GetKernel(Variant, "lars_norms"), update = library.GetKernel(Variant, "lars");

    public static KernelVariant Variant { get; } = new("lars.cu");

    /// <inheritdoc cref="Sgd.Launch"/>
    public void Launch(CudaStream stream, int chunks, in LarsArgs args)
    {
        norms.Launch(stream, new Dim3((uint)chunks), new Dim3(Threads), 0, args);
        update.Launch(stream, new Dim3((uint)chunks), new Dim3(Threads), 0, args);
    }
}
