namespace FeatureTransform.Benchmarks.Static;

/// <summary>What the main loop of a tensor core kernel of infonce says, per key tile.</summary>
internal sealed class LoopFigures
{
    // Of a 16-byte read of the Beta table at random rows, in wavefronts: by simulation, and where no bank conflicts.
    private const double TableWavefronts = 9.3, PlainWavefronts = 4;

    // From one preparation to the next where nothing is drawn: MixedTile::TILES in kernels/common/mixed_tile.cuh.
    private const int TilesWithoutDraws = 32;

    private readonly InstructionMix all, guarded, around;
    private readonly double tiles;
    private readonly InfonceShape shape;

    /// <summary>Counts a main loop; it may hold several key tiles (unrolled).</summary>
    public LoopFigures(MainLoop loop, InfonceShape shape)
    {
        all = InstructionMix.Of(loop.Instructions);
        guarded = InstructionMix.Of(loop.Guarded);
        around = InstructionMix.Of(loop.Around);
        this.shape = shape;
        tiles = (double)all.Tensor / shape.TensorPerTile;
    }

    /// <summary>HMMA in percent of the whole loop.</summary>
    public double TensorShare => 100.0 * all.Tensor / all.Total;

    /// <summary>HMMA in percent of the loop without its guarded code.</summary>
    public double UnguardedTensorShare => 100.0 * all.Tensor / (all.Total - guarded.Total);

    /// <summary>Matrix loads (x4) per HMMA.</summary>
    public double MatrixLoads => all.Matrix / all.Tensor;

    /// <summary>Exponentials per HMMA.</summary>
    public double Exponentials => (double)all.Exponentials / all.Tensor;

    /// <summary>Barriers a key tile.</summary>
    public double Barriers => all.Barriers / tiles;

    /// <summary>Accesses to local memory (spilled registers) in the loop.</summary>
    public int Local => all.Local;

    /// <summary>
    /// What a warp does for one key tile on average, as if it took every branch. Of the loop around the main loop, which draws
    /// with one thread a key, a tile has the share keys / threads.
    /// </summary>
    public WarpTile WarpTile
    {
        get
        {
            double part = shape.Scope == InfonceScope.Mixed ? 1.0 / TilesWithoutDraws : (double)shape.Keys / shape.Threads;
            double PerTile(Func<InstructionMix, double> count) => (count(all) / tiles) + (part * count(around));
            double lookups = shape.Scope == InfonceScope.Element ? (double)shape.Keys * shape.Channels / shape.Threads : 0;
            return new(
                PerTile(mix => mix.Tensor),
                PerTile(mix => mix.Total),
                PerTile(mix => mix.Wavefronts) + (lookups * (TableWavefronts - PlainWavefronts)),
                PerTile(mix => mix.Special),
                PerTile(mix => mix.GlobalBytes));
        }
    }
}
