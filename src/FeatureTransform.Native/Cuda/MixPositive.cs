using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of kernels/mix_positive.cu, which says what each is.</summary>
internal struct MixPositiveArgs
{
    public ulong State, QRaw, KRaw, Table, QHat, KHat, Keys, QOperand, Norms, Positive;
    public ulong Seed;
    public ulong QStride, KStride;
    public uint N, C;
    public uint Rank, RowBits;
    public uint Transform, Scope, Normalize;
    public float OperandScale;
}

/// <summary>Norms of one row, from mix_positive to infonce_finish: PairNorms of kernels/common/positive.cuh.</summary>
internal struct PairNorms
{
    public float Q, HatQ, HatK;
}

/// <summary>Launches mix_positive: unit rows, lambda, q^ and k^, and p.</summary>
/// <param name="library">Kernels.</param>
/// <param name="program">One of <see cref="PositivesProgram"/>.</param>
internal sealed class MixPositive(KernelLibrary library, KernelVariant program)
{
    /// <summary>Threads of a block: a warp a row.</summary>
    public const int Threads = 128;

    private const int Rows = Threads / 32;

    private readonly CudaKernel kernel = library.GetKernel(program, "mix_positive");

    public void Launch(CudaStream stream, in MixPositiveArgs args) =>
        kernel.Launch(stream, new Dim3(Launches.Blocks(args.N, Rows)), new Dim3(Threads), 0, args);
}
