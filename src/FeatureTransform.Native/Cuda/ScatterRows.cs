using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/scatter_rows.cu, which says what each is.</summary>
internal struct ScatterRowsArgs
{
    public ulong Source, Target, Order;
    public uint N, C;
}

/// <summary>Launches scatter_rows: target[order[i]] = source[i].</summary>
internal sealed class ScatterRows(KernelLibrary library, ElementType type)
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 128;

    private readonly CudaKernel kernel = library.GetKernel(Variant, $"scatter_rows_{Launches.Suffix(type)}");

    public static KernelVariant Variant { get; } = new("scatter_rows.cu");

    public void Launch(CudaStream stream, in ScatterRowsArgs args) =>
        kernel.Launch(
            stream, new Dim3(Launches.Blocks(args.N, Launches.RowsPerBlock((int)args.C, Threads))), new Dim3(Threads), 0, args);
}
