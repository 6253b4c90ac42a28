using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/cast.cu, which says what each is.</summary>
internal struct CastArgs
{
    public ulong Source, Target;
    public ulong Rows, SourceColumns, TargetColumns;
}

/// <summary>Launches cast: between fp32 and bf16, with columns of zeros added or columns left out.</summary>
internal sealed class Cast(KernelLibrary library)
{
    /// <summary>Threads of a block, four elements each.</summary>
    public const int Threads = 256;

    private readonly CudaKernel round = library.GetKernel(Variant, "cast_fp32_bf16"), widen = library.GetKernel(Variant, "cast_bf16_fp32");
    private readonly CudaKernel copy = library.GetKernel(Variant, "cast_fp32_fp32");

    public static KernelVariant Variant { get; } = new("cast.cu");

    /// <param name="stream">Where it runs.</param>
    /// <param name="source">The type that the elements have.</param>
    /// <param name="target">The type that they become.</param>
    /// <param name="args">Arguments.</param>
    /// <exception cref="NotSupportedException">Both are bf16.</exception>
    public void Launch(CudaStream stream, ElementType source, ElementType target, in CastArgs args)
    {
        CudaKernel kernel = (source, target) switch
        {
            (ElementType.Float32, ElementType.BFloat16) => round,
            (ElementType.BFloat16, ElementType.Float32) => widen,
            (ElementType.Float32, ElementType.Float32) => copy,
            _ => throw new NotSupportedException("There is no kernel that copies bf16 to bf16."),
        };
        long quads = (long)(args.Rows * ((args.TargetColumns + 3) / 4));
        kernel.Launch(stream, new Dim3(Launches.Blocks(quads, Threads)), new Dim3(Threads), 0, args);
    }
}
