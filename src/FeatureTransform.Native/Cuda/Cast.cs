using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/cast.cu, which says what each is.</summary>
internal struct CastArgs
{
    public ulong Source, Target;
    public ulong Rows, SourceColumns, TargetColumns;
}

/// <summary>Launches cast: from fp32 to bf16 and back, or, where all is fp32, to fp32; with columns of zeros added or columns left out.</summary>
internal sealed class Cast
{
    /// <summary>Threads of a block, four elements each.</summary>
    public const int Threads = 256;

    private readonly Dictionary<(ElementType Source, ElementType Target), CudaKernel> kernels = [];

    /// <param name="library">Where the kernels are.</param>
    /// <param name="type">The type beside fp32; fp32 if there is none.</param>
    public Cast(KernelLibrary library, ElementType type)
    {
        foreach ((ElementType source, ElementType target) in new[] { (ElementType.Float32, type), (type, ElementType.Float32) }.Distinct())
        {
            kernels[(source, target)] = library.GetKernel(
                TrainingStepProgram.VariantOf(type), $"cast_{Launches.Suffix(source)}_{Launches.Suffix(target)}");
        }
    }

    /// <param name="stream">Where it runs.</param>
    /// <param name="source">The type that the elements have.</param>
    /// <param name="target">The type that they become.</param>
    /// <param name="args">Arguments.</param>
    /// <exception cref="KeyNotFoundException">This object has no kernel between these types.</exception>
    public void Launch(CudaStream stream, ElementType source, ElementType target, in CastArgs args)
    {
        // The kernel numbers them in 32 bits.
        uint quads = checked((uint)(args.Rows * ((args.TargetColumns + 3) / 4)));
        kernels[(source, target)].Launch(stream, new Dim3(Launches.Blocks(quads, Threads)), new Dim3(Threads), 0, args);
    }
}
