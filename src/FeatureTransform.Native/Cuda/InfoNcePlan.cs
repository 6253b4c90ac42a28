using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>
/// How the pass over the queue is launched: which kernel, its tile, what mixes the negatives and what that needs. Everything that
/// depends on sizes, types, options and the device is decided here.
/// </summary>
internal sealed class InfoNcePlan
{
    /// <summary>Up to so many queries, mixing in the pass costs less than mixing once into memory (docs/device-results.md).</summary>
    public const int MostQueries = 768, MostQueriesElement = 256;

    // Sums that a warp can hold: more do not fit its registers.
    private const int MostSums = 32 * 128;
    // SCOPE_MIXED of the kernels.
    private const int ScopeMixed = 3;

    private const int SmallTile = 128, PartialArrays = 5, FewestChannels = 128, FloatsOfTile = 8192;
    private const int Float32Threads = 256, Float32StaticShared = 2560, ScoresOfThread = 16, Padding = 4;

    // Largest first: the first that fits is taken.
    private static readonly InfoNceTile[] Tiles = [new(8, 32, 32), new(8, 16, 32), new(8, 16, 16), new(4, 16, 16)];

    private readonly int n, c, k, multiprocessors;

    private InfoNcePlan(CudaStepShape shape, int multiprocessors) =>
        (n, c, k, this.multiprocessors) = (shape.MaxN, shape.C, shape.K, multiprocessors);

    /// <summary>The kernel as it is specialised.</summary>
    public required KernelVariant Variant { get; init; }

    /// <summary>Its name.</summary>
    public required string Kernel { get; init; }

    /// <summary>
    /// What it multiplies in: fp32 where the device has too little shared memory for the wish. BFloat16 takes q as the operand
    /// that mix_positive writes, the others q^.
    /// </summary>
    public required CudaPrecision Precision { get; init; }

    /// <summary>Threads of a block.</summary>
    public required int Threads { get; init; }

    /// <summary>Query rows of a block.</summary>
    public required int QueryRows { get; init; }

    /// <summary>Keys of a tile.</summary>
    public required int Keys { get; init; }

    /// <summary>Bytes of shared memory that the launch asks for.</summary>
    public required int DynamicSharedBytes { get; init; }

    /// <summary>How mix_queue is to store the negatives before the pass; null where it mixes or nothing is mixed.</summary>
    public ElementType? Mixed { get; init; }

    /// <summary>
    /// Whether the pass is given those negatives as its queue too: it reads that one only in steps without transformation, in
    /// which mix_queue copies the queue.
    /// </summary>
    public bool QueueIsMixed { get; init; }

    /// <summary>Bytes of all partial results, for any N up to the largest; their rows are whole quads.</summary>
    public long PartialBytes => (multiprocessors + QueryTiles(n)) * QueryRows * (((c + 3) / 4 * 4) + PartialArrays) * sizeof(float);

    /// <summary>Bytes of the mixed negatives.</summary>
    public long MixedBytes =>
        Mixed is { } type ? (long)k * c * (type == ElementType.BFloat16 ? sizeof(ushort) : sizeof(float)) : 0;

    /// <summary>Blocks of a launch for so many queries: one a multiprocessor, but not more than there is work.</summary>
    public int Blocks(int rows) => (int)Math.Min(multiprocessors, Pairs(rows));

    /// <summary>Partial results of a row, about: blocks that share a query tile.</summary>
    public int PartsOfRow(int rows) => (int)((Blocks(rows) + QueryTiles(rows) - 1) / QueryTiles(rows));

    /// <summary>Decides.</summary>
    /// <param name="shape">Sizes, types and the wished precision, validated.</param>
    /// <param name="options">Temperature and transformations.</param>
    /// <param name="multiprocessors">Of the device.</param>
    /// <param name="sharedBytes">The most shared memory that a block may have on it.</param>
    /// <exception cref="ArgumentException">N and K are so large that the kernels cannot count their tiles.</exception>
    public static InfoNcePlan Choose(CudaStepShape shape, FeatureTransformOptions options, int multiprocessors, int sharedBytes)
    {
        bool mixes = options.Negative != NegativeTransform.None;
        int mostQueries = options.NegativeScope == LambdaScope.Element ? MostQueriesElement : MostQueries;
        bool before = mixes && (options.NegativeNormalize || shape.MaxN > mostQueries);
        InfoNcePlan? plan = null;
        if (shape.Precision != CudaPrecision.Float32)
        {
            // Mixing in the pass takes more shared memory than reading what is mixed.
            plan = ForTensorCores(shape, options, multiprocessors, sharedBytes, before)
                ?? (mixes && !before ? ForTensorCores(shape, options, multiprocessors, sharedBytes, before: true) : null);
        }

        plan ??= ForFloat32(shape, options, multiprocessors, before);
        long pairs = plan.Pairs(shape.MaxN) * (options.Negative == NegativeTransform.Extend ? 2 : 1);
        return pairs <= uint.MaxValue ? plan : throw new ArgumentException(
            $"MaxN {shape.MaxN} and K {shape.K} make {pairs} pairs of {plan.QueryRows} queries and {plan.Keys} keys; " +
            $"at most {uint.MaxValue} can be counted. Use a smaller batch or queue.", nameof(shape));
    }

    /// <summary>
    /// Whether exponentials need a running maximum. |s| is at most |q^| |z^| with |q^| up to 3 when extrapolated, and an
    /// elementwise mix of unit rows up to sqrt 2 long; 2^(s log2(e) / tau), and the sum of all, must be a normal float.
    /// </summary>
    public static bool NeedsMaximum(FeatureTransformOptions options, int k)
    {
        double query = options.Positive == PositiveTransform.None || options.PositiveNormalize ? 1
            : options.Positive == PositiveTransform.Extrapolation ? 3 : Longest(options.PositiveScope);
        double key = options.Negative == NegativeTransform.None || options.NegativeNormalize ? 1 : Longest(options.NegativeScope);
        double negatives = options.Negative == NegativeTransform.Extend ? 2.0 * k : k;
        const double rounding = 1.01, exponents = 125.5; // bf16 rounds rows of the queue and both operands
        return (query * key * rounding * Math.Log2(Math.E) / options.Tau) + Math.Log2(negatives) >= exponents;
    }

    private static double Longest(LambdaScope scope) => scope == LambdaScope.Element ? Math.Sqrt(2) : 1;

    private static InfoNcePlan? ForTensorCores(
        CudaStepShape shape, FeatureTransformOptions options, int multiprocessors, int sharedBytes, bool before)
    {
        bool tf32 = shape.Precision == CudaPrecision.TensorFloat32, extend = options.Negative == NegativeTransform.Extend;
        int operandBytes = tf32 ? sizeof(float) : sizeof(ushort);

        // The pass reads one type: where it needs the queue too, that of the queue, else that of its operands.
        ElementType operands = tf32 ? ElementType.Float32 : ElementType.BFloat16;
        ElementType rows = before && !extend ? operands : shape.Queue;
        bool asTheyAre = before || options.Negative == NegativeTransform.None;
        bool draws = !asTheyAre && options.NegativeScope == LambdaScope.Element;
        int table = draws ? InfoNceTile.TableBytes(options.NegativeAlpha) : 0;
        foreach (InfoNceTile tile in Tiles)
        {
            bool wanted = tile.WarpRows * shape.C <= MostSums &&
                (tile.QueryRows <= SmallTile || (shape.MaxN > SmallTile && !tf32));
            int dynamic = tile.DynamicSharedBytes(shape.C, operandBytes, rows, asTheyAre, options.NegativeScope);
            if (!wanted || dynamic + table + tile.StaticSharedBytes > sharedBytes)
            {
                continue;
            }

            string kernel = tf32 ? "infonce_tf32" : "infonce_bf16";
            return new InfoNcePlan(shape, multiprocessors)
            {
                Kernel = kernel,
                Variant = new KernelVariant(
                    kernel + ".cu", $"FT_C={shape.C}", $"FT_QUEUE_BF16={Flag(rows == ElementType.BFloat16)}",
                    $"FT_SCOPE={(asTheyAre ? ScopeMixed : (int)options.NegativeScope)}", $"FT_WARPS={tile.Warps}",
                    $"FT_WARP_ROWS={tile.WarpRows}", $"FT_KEYS={tile.Keys}",
                    $"FT_PARTIAL_TILE={Flag(shape.K % tile.Keys != 0)}", $"FT_EXTEND={Flag(extend)}",
                    $"FT_RUNNING_MAX={Flag(NeedsMaximum(options, shape.K))}", $"FT_SHARED_BYTES={dynamic}"),
                Precision = shape.Precision,
                Threads = tile.Threads,
                QueryRows = tile.QueryRows,
                Keys = tile.Keys,
                DynamicSharedBytes = dynamic + table,
                Mixed = before ? rows : null,
                QueueIsMixed = before && rows != shape.Queue,
            };
        }

        return null;
    }

    private static InfoNcePlan ForFloat32(CudaStepShape shape, FeatureTransformOptions options, int multiprocessors, bool before)
    {
        int channels = Math.Max(FewestChannels, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)shape.C));
        int rows = FloatsOfTile / channels, scope = before ? ScopeMixed : (int)options.NegativeScope;
        int shared = (2 * rows * (channels + Padding)) + (rows * (rows + Padding))
            + (rows * rows == Float32Threads * ScoresOfThread ? 0 : Float32Threads * ScoresOfThread);
        return new InfoNcePlan(shape, multiprocessors)
        {
            Kernel = "infonce_fp32",
            Variant = new KernelVariant(
                "infonce_fp32.cu", $"FT_CHANNELS={channels}", $"FT_QUEUE_BF16={Flag(shape.Queue == ElementType.BFloat16)}",
                $"FT_SCOPE={scope}"),
            Precision = CudaPrecision.Float32,
            Threads = Float32Threads,
            QueryRows = rows,
            Keys = rows,
            DynamicSharedBytes = shared * sizeof(float),
            Mixed = before ? ElementType.Float32 : null,
        };
    }

    private static int Flag(bool value) => value ? 1 : 0;

    private long QueryTiles(int rows) => (rows + QueryRows - 1L) / QueryRows;

    // Of a query tile and a key tile of the queue.
    private long Pairs(int rows) => QueryTiles(rows) * ((k + Keys - 1L) / Keys);
}
