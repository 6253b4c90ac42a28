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

    public static KernelVariant Variant { get; } = new("cast.cu");

    /// <param name="stream">Where it runs.</param>
    /// <param name="target">The type that the elements become.</param>
    /// <param name="args">Arguments.</param>
    public void Launch(CudaStream stream, ElementType target, in CastArgs args)
    {
        long quads = (long)(args.Rows * ((args.TargetColumns + 3) / 4));
        CudaKernel kernel = target == ElementType.BFloat16 ? round : widen;
        kernel.Launch(stream, new Dim3(Launches.Blocks(quads, Threads)), new Dim3(Threads), 0, args);
    }
}
