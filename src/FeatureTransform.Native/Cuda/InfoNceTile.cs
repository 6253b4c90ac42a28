namespace FeatureTransform.Native.Cuda;

/// <summary>
/// The shape of a block of the tensor core kernels of infonce and the shared memory that it takes: kernels/common/tile_shape.cuh,
/// which checks <see cref="DynamicSharedBytes"/> when a variant is compiled.
/// </summary>
/// <param name="Warps">Warps of a block.</param>
/// <param name="WarpRows">Query rows of a warp, 16 or 32.</param>
/// <param name="Keys">Keys of a tile, 16 or 32.</param>
internal sealed record InfoNceTile(int Warps, int WarpRows, int Keys)
{
    private const int WarpThreads = 32, Chunk = 16, ChunksOfGroup = 8;
    private const int Sources = 2, RawSlots = 2, OperandTiles = 2, CopiedTiles = 4;
    private const int Octaves = 33, TableRowBytes = 4 * sizeof(float);

    /// <summary>Threads of a block.</summary>
    public int Threads => Warps * WarpThreads;

    /// <summary>Query rows of a block.</summary>
    public int QueryRows => Warps * WarpRows;

    /// <summary>At least the bytes that a block declares itself: three floats a row, and what its warps share.</summary>
    public int StaticSharedBytes => (QueryRows * 3 * sizeof(float)) + 256;

    /// <summary>Bytes that the launch asks for, but for the table of element scope.</summary>
    /// <param name="c">C, a multiple of 16.</param>
    /// <param name="operandBytes">Of an element of q and z^ in shared memory: 2 (bf16) or 4 (TF32).</param>
    /// <param name="rows">How the rows are stored that the kernel reads.</param>
    /// <param name="mixed">Whether they come mixed.</param>
    /// <param name="scope">Scope of lambda, where the kernel mixes.</param>
    public int DynamicSharedBytes(int c, int operandBytes, ElementType rows, bool mixed, LambdaScope scope)
    {
        int rowBytes = RoundUp(c * operandBytes / Chunk, ChunksOfGroup) * Chunk, tile = Keys * rowBytes;
        int queries = QueryRows * rowBytes;
        if (mixed && rows == ElementType.BFloat16 && operandBytes == sizeof(ushort))
        {
            return queries + (CopiedTiles * tile);
        }

        int chunks = c * (rows == ElementType.BFloat16 ? sizeof(ushort) : sizeof(float)) / Chunk, rowsAtOnce = Threads / chunks;
        int pieces = (Keys + rowsAtOnce - 1) / rowsAtOnce;
        int raw = RawSlots * pieces * (mixed ? 1 : Sources) * Threads * Chunk, draws = 2 * Threads * sizeof(uint);
        return queries + (OperandTiles * tile) + raw + draws + (!mixed && scope == LambdaScope.Row ? draws : 0);
    }

    /// <summary>Bytes of the quantile table, which element scope has in shared memory.</summary>
    public static int TableBytes(float alpha) => (Octaves << BetaQuantile.RowBitsOf(alpha)) * TableRowBytes;

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
