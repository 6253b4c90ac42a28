namespace FeatureTransform.Benchmarks.Static;

/// <summary>A device as the model knows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Architecture">Its architecture.</param>
/// <param name="Multiprocessors">How many it has.</param>
/// <param name="SharedKilobytes">The most shared memory of a block.</param>
/// <param name="Gigahertz">Its clock under this load.</param>
/// <param name="TensorCycles">Cycles that a scheduler's tensor core takes for one HMMA.</param>
/// <param name="MixMicroseconds">What mixing the queue once into a scratch costs, K 65536, C 128, bf16.</param>
internal sealed record ModelDevice(
    string Name, string Architecture, int Multiprocessors, int SharedKilobytes, double Gigahertz, double TensorCycles,
    double MixMicroseconds)
{
    /// <summary>NVIDIA A100.</summary>
    public static readonly ModelDevice A100 = new("A100", "sm_80", 108, 163, 1.41, 8, 15);

    /// <summary>NVIDIA RTX 4090; no scratch path is modelled for it.</summary>
    public static readonly ModelDevice Rtx4090 = new("RTX 4090", "sm_89", 128, 99, 2.52, 32, double.NaN);

    /// <summary>NVIDIA H100, by the instructions of sm_80 (mma.sync).</summary>
    public static readonly ModelDevice H100 = new("H100", "sm_90", 132, 227, 1.65, 6.36, 11);

    /// <summary>The devices of the report.</summary>
    public static readonly ModelDevice[] All = [A100, Rtx4090, H100];
}

/// <summary>What a warp does for one key tile.</summary>
/// <param name="Tensor">HMMA instructions.</param>
/// <param name="Instructions">Instructions that it issues, HMMA among them.</param>
/// <param name="Wavefronts">Passes of shared memory.</param>
/// <param name="Special">Special functions.</param>
/// <param name="GlobalBytes">Bytes that it fetches.</param>
internal readonly record struct WarpTile(
    double Tensor, double Instructions, double Wavefronts, double Special, double GlobalBytes);

/// <summary>
/// How a kernel cuts the pass: query rows and keys of one block's tile, warps of a block, blocks on a multiprocessor.
/// </summary>
internal readonly record struct PassTile(int QueryRows, int Keys, int Warps, int ResidentBlocks);

/// <summary>
/// The performance model of the pass over the queue. A scheduler needs, for each warp and key tile, HMMA x c + 1.23 x (all other
/// instructions) cycles; 1.6 instead of 1.23 where it has a single warp and nothing hides its waits. A multiprocessor takes the
/// longest of that, its wavefronts of shared memory, 2 cycles a special function and 64 bytes a cycle from L2. 1.23 and the clock
/// of the H100 are fitted to published figures of FlashAttention-2; it is no measurement.
/// </summary>
internal static class PassModel
{
    /// <summary>Keys of the queue in every time that is told.</summary>
    public const int Keys = 65536;

    private const int Schedulers = 4;
    private const double OtherCycles = 1.23, LoneWarpCycles = 1.6, SpecialCycles = 2, BytesPerCycle = 64;

    /// <summary>
    /// Beside the pass at N 256: fill and launch 2 us, the finish launch 2 us, partial results written and read 7 us (assumed, on
    /// both devices).
    /// </summary>
    public const double WholeOperationMicroseconds = 11;

    /// <summary>Cycles in which a multiprocessor does one key tile of each of its blocks.</summary>
    public static double Cycles(ModelDevice device, PassTile tile, WarpTile warp)
    {
        int warps = tile.Warps * tile.ResidentBlocks;
        double perScheduler = (double)warps / Schedulers;
        double other = perScheduler > 1 ? OtherCycles : LoneWarpCycles;
        double one = (warp.Tensor * device.TensorCycles) + (other * (warp.Instructions - warp.Tensor));
        double issue = Math.Max(perScheduler, 1) * one;
        double shared = warps * warp.Wavefronts, special = warps * SpecialCycles * warp.Special;
        return Math.Max(Math.Max(issue, shared), Math.Max(special, warps * warp.GlobalBytes / BytesPerCycle));
    }

    /// <summary>
    /// The pass over <paramref name="k"/> keys for <paramref name="n"/> queries: every block takes an equal range of tiles.
    /// </summary>
    public static double Microseconds(ModelDevice device, PassTile tile, WarpTile warp, long n, long k)
    {
        long tiles = DivideUp(n, tile.QueryRows) * DivideUp(k, tile.Keys);
        long rounds = DivideUp(tiles, (long)device.Multiprocessors * tile.ResidentBlocks);
        return rounds * Cycles(device, tile, warp) / (device.Gigahertz * 1e3);
    }

    private static long DivideUp(long value, long unit) => (value + unit - 1) / unit;
}
