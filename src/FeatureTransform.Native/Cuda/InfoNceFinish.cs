using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/infonce_finish.cu; kernels/common/infonce_parts.cuh says what each is.</summary>
internal struct InfoNceFinishArgs
{
    public ulong State, QRaw, Keys, QHat, KHat, Norms, Positive, Table, Partials, Finished, Loss, Statistics, DqRaw;
    public ulong Seed;
    public ulong QStride, DqStride;
    public uint N, K, C;
    public uint Rank, RowBits;
    public uint Transform, Scope, Normalize;
    public uint Mix, Extend;
    public uint RowsOfTile, KeysOfTile, Ctas;
    public float Tau;
}

/// <summary>Launches infonce_finish: loss, statistics and gradient from the partial results of the pass.</summary>
/// <param name="library">Kernels.</param>
/// <param name="input">How q_raw is stored.</param>
/// <param name="c">C.</param>
internal sealed class InfoNceFinish(KernelLibrary library, ElementType input, int c)
{
    /// <summary>Threads of a block, which finishes one row.</summary>
    public const int Threads = 256;

    private const int Quad = 4;

    private readonly CudaKernel kernel = library.GetKernel(VariantOf(input, c), "infonce_finish");

    public static KernelVariant VariantOf(ElementType input, int c) =>
        new("infonce_finish.cu", Launches.Flag("FT_FEATURES_BF16", input), $"FT_PASSES={Launches.Blocks(c, Quad * Threads)}");

    /// <param name="stream">Where the pass ran.</param>
    /// <param name="plan">The plan by which it ran: fills in how the work was cut.</param>
    /// <param name="args">The rest.</param>
    public void Launch(CudaStream stream, InfoNcePlan plan, InfoNceFinishArgs args)
    {
        args.RowsOfTile = (uint)plan.QueryRows;
        args.KeysOfTile = (uint)plan.Keys;
        args.Ctas = (uint)plan.Blocks((int)args.N);
        kernel.Launch(stream, new Dim3(args.N), new Dim3(Threads), 0, args);
    }
}
