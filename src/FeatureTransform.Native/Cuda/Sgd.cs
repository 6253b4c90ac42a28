using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/sgd.cu, which says what each is.</summary>
internal struct SgdArgs
{
    public ParameterArrays Arrays;
    public float Momentum, Decay;
}

/// <summary>Launches sgd over all parameters.</summary>
internal sealed class Sgd(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block, which takes one chunk.</summary>
    public const int Threads = 256;

    private readonly CudaKernel kernel = library.GetKernel(TrainingStepProgram.VariantOf(type), "sgd");

    /// <param name="stream">Where it runs.</param>
    /// <param name="chunks">Chunks of the <see cref="ParameterTable"/>.</param>
    /// <param name="args">Arguments.</param>
    public void Launch(CudaStream stream, int chunks, in SgdArgs args) =>
        kernel.Launch(stream, new Dim3((uint)chunks), new Dim3(Threads), 0, args);
}
