using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Arguments of knn_normalize in kernels/knn.cu, which says what each is.</summary>
internal struct KnnNormalizeArgs
{
    public ulong Rows, Unit;
    public ulong Stride;
    public uint Count, C, Padded;
    public uint Reserved;
}

/// <summary>Arguments of knn_search in kernels/knn.cu.</summary>
internal struct KnnSearchArgs
{
    public ulong Queries, Bank, Keys, Counts;
    public uint N, M, Padded, K, Capacity;
    public uint Reserved;
}

/// <summary>Arguments of kernels/knn_vote.cu.</summary>
internal struct KnnVoteArgs
{
    public ulong Keys, Counts, Best, Indices, Similarities, Labels, Votes;
    public uint N, K, Capacity, Parts, Classes;
    public float Temperature;
}

/// <summary>Launches the three parts of k-NN: unit rows, the search, the vote.</summary>
internal sealed class Knn(KernelLibrary library)
{
    /// <summary>Threads of a block of the search.</summary>
    public const int Threads = 256;

    /// <summary>Threads of a block of the normalisation: a warp a row.</summary>
    public const int NormalizeThreads = 128;

    /// <summary>Threads of a block of the vote: one query.</summary>
    public const int VoteThreads = 256;

    /// <summary>Queries, and rows of the bank, of a tile.</summary>
    public const int Tile = 64;

    /// <summary>Unit rows are padded to a multiple of so many channels.</summary>
    public const int Depth = 16;

    private const int Rows = NormalizeThreads / 32, BlocksPerMultiprocessor = 2;

    private readonly CudaKernel normalize = library.GetKernel(Variant, "knn_normalize");
    private readonly CudaKernel search = library.GetKernel(Variant, "knn_search");
    private readonly CudaKernel vote = library.GetKernel(VoteVariant, "knn_vote");

    public static KernelVariant Variant { get; } = new("knn.cu");

    public static KernelVariant VoteVariant { get; } = new("knn_vote.cu");

    /// <summary>Floats of a unit row.</summary>
    public static int Padded(int c) => (c + Depth - 1) / Depth * Depth;

    /// <summary>
    /// Keys that a list has room for: with twice k, a list is cut to its k best only now and then.
    /// </summary>
    public static int Capacity(int k) => checked((2 * k) + (2 * Tile));

    /// <summary>Parts of the bank that are searched side by side, so that few queries fill the device too.</summary>
    public static int Parts(int n, int m, int multiprocessors)
    {
        int queryTiles = (n + Tile - 1) / Tile, bankTiles = (m + Tile - 1) / Tile;
        return Math.Clamp(BlocksPerMultiprocessor * multiprocessors / queryTiles, 1, bankTiles);
    }

    public void Normalize(CudaStream stream, in KnnNormalizeArgs args) =>
        normalize.Launch(stream, new Dim3(Launches.Blocks(args.Count, Rows)), new Dim3(NormalizeThreads), 0, args);

    public void Search(CudaStream stream, int parts, in KnnSearchArgs args) =>
        search.Launch(stream, new Dim3(Launches.Blocks(args.N, Tile), (uint)parts), new Dim3(Threads), 0, args);

    public void Vote(CudaStream stream, in KnnVoteArgs args) =>
        vote.Launch(stream, new Dim3(args.N), new Dim3(VoteThreads), 0, args);
}
