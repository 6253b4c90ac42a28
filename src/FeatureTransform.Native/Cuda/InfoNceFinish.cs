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
internal sealed class InfoNceFinish
{
    /// <summary>Threads of a block.</summary>
    public const int Threads = 256;

    /// <summary>Rows of a block whose warps take a row each.</summary>
    public const int RowsOfWarps = Threads / WarpThreads;

    // From so many parts of a row on a block takes it; with fewer its threads would wait for each other more than for memory.
    private const int PartsForBlock = 64;
    private const int Quad = 4, WarpThreads = 32;

    private readonly CudaKernel kernel;
    private readonly InfoNcePlan plan;
    private readonly int rows;

    /// <param name="library">Kernels.</param>
    /// <param name="program">One of <see cref="PositivesProgram"/>, of this shape and plan.</param>
    /// <param name="shape">Sizes and types of the step.</param>
    /// <param name="plan">The plan of the pass, which says how the work was cut.</param>
    public InfoNceFinish(KernelLibrary library, KernelVariant program, CudaStepShape shape, InfoNcePlan plan)
    {
        this.plan = plan;
        rows = RowsOfBlock(shape, plan);
        kernel = library.GetKernel(program, "infonce_finish");
    }

    /// <summary>Rows of a block: 1 or <see cref="RowsOfWarps"/>.</summary>
    public static int RowsOfBlock(CudaStepShape shape, InfoNcePlan plan) =>
        shape.C <= Quad * WarpThreads && plan.PartsOfRow(shape.MaxN) < PartsForBlock ? RowsOfWarps : 1;

    /// <summary>Quads of channels that a thread can own.</summary>
    public static uint Passes(int c, int rows) => Launches.Blocks(c, Quad * Threads / rows);

    /// <param name="stream">Where the pass ran.</param>
    /// <param name="args">All but how the work was cut.</param>
    public void Launch(CudaStream stream, InfoNceFinishArgs args)
    {
        args.RowsOfTile = (uint)plan.QueryRows;
        args.KeysOfTile = (uint)plan.Keys;
        args.Ctas = (uint)plan.Blocks((int)args.N);
        kernel.Launch(stream, new Dim3(Launches.Blocks(args.N, rows)), new Dim3(Threads), 0, args);
    }
}
