using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/ema.cu, which says what each is.</summary>
internal struct EmaArgs
{
    public ulong Target, Source, TargetBf16;
    public ulong Count;
    public float M, Rest;
}

/// <summary>Launches ema: target = m target + (1 - m) source over all parameters.</summary>
internal sealed class Ema(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block, four elements each.</summary>
    public const int Threads = 256;

    private readonly CudaKernel kernel = library.GetKernel(TrainingStepProgram.VariantOf(type), "ema");

    public void Launch(CudaStream stream, in EmaArgs args) =>
        kernel.Launch(stream, new Dim3(Launches.Blocks((long)args.Count, 4 * Threads)), new Dim3(Threads), 0, args);
}
