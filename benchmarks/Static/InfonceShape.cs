using System.Globalization;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// How a tensor core kernel of infonce is specialised, read from the macros that specialise it (kernels/common/tile_shape.cuh).
/// </summary>
/// <param name="TensorFloat32">Whether the products are TF32, else bf16.</param>
/// <param name="Channels">Channels.</param>
/// <param name="HalfQueue">Whether the queue is bf16, else fp32.</param>
/// <param name="Scope">Scope of lambda, or negatives that come mixed.</param>
/// <param name="Warps">Warps of a block.</param>
/// <param name="WarpRows">Query rows of a warp.</param>
/// <param name="Keys">Keys of a tile.</param>
/// <param name="PartialTile">Whether the last tile of the queue may be short of keys.</param>
/// <param name="Extend">Whether the queue as it is follows the mixed negatives.</param>
/// <param name="RunningMaximum">Whether the exponentials are kept in range by a running maximum.</param>
internal sealed record InfonceShape(
    bool TensorFloat32, int Channels, bool HalfQueue, InfonceScope Scope, int Warps, int WarpRows, int Keys, bool PartialTile,
    bool Extend, bool RunningMaximum)
{
    private const int HalfMultiplies = 16 * 8 * 16, TensorFloatMultiplies = 16 * 8 * 8;

    /// <summary>Query rows of a block.</summary>
    public int QueryRows => Warps * WarpRows;

    /// <summary>Threads of a block.</summary>
    public int Threads => Warps * 32;

    /// <summary>HMMA instructions of a warp for one key tile: scores, and the sums of P z^.</summary>
    public int TensorPerTile => 2 * WarpRows * Keys * Channels / (TensorFloat32 ? TensorFloatMultiplies : HalfMultiplies);

    /// <summary>
    /// Whether it is the kernel that the bars are about: 256 query rows, bf16, 128 channels, whole key tiles, the mixed negatives
    /// alone, exponentials without a maximum.
    /// </summary>
    public bool IsMain => QueryRows == 256 && Channels == 128 && !TensorFloat32 && !PartialTile && !Extend && !RunningMaximum;

    /// <summary>The shape in words, as the report names its kernel.</summary>
    public string Description => string.Create(
        CultureInfo.InvariantCulture,
        $"C {Channels}, {(HalfQueue ? "bf16" : "fp32")} queue, {Scope.ToString().ToLowerInvariant()}, " +
        $"{Warps} x {WarpRows} rows, {Keys} keys{(PartialTile ? ", partial tile" : "")}{(Extend ? ", extend" : "")}" +
        $"{(RunningMaximum ? ", running maximum" : "")}");

    /// <summary>The shape of a variant; null where its file is no tensor core kernel of infonce.</summary>
    public static InfonceShape? Of(string file, IEnumerable<string> defines)
    {
        bool tensorFloat = file.EndsWith("infonce_tf32.cu", StringComparison.Ordinal);
        if (!tensorFloat && !file.EndsWith("infonce_bf16.cu", StringComparison.Ordinal))
        {
            return null;
        }

        Dictionary<string, int> values = defines.Select(define => define.Split('='))
            .ToDictionary(pair => pair[0], pair => int.Parse(pair[1], CultureInfo.InvariantCulture));
        return new(
            tensorFloat, values["FT_C"], values["FT_QUEUE_BF16"] != 0, (InfonceScope)values["FT_SCOPE"], values["FT_WARPS"],
            values["FT_WARP_ROWS"], values["FT_KEYS"], values["FT_PARTIAL_TILE"] != 0, values["FT_EXTEND"] != 0,
            values["FT_RUNNING_MAX"] != 0);
    }
}

/// <summary>Where the negatives of a pass come from; the values are those of the kernels' macros.</summary>
internal enum InfonceScope
{
    /// <summary>Mixed in the pass by one lambda.</summary>
    Batch,

    /// <summary>Mixed in the pass by one lambda a key.</summary>
    Row,

    /// <summary>Mixed in the pass by one lambda an element.</summary>
    Element,

    /// <summary>Mixed before, into a scratch.</summary>
    Mixed,
}
