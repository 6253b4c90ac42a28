namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// What a multiprocessor holds at once: CUDA C++ Programming Guide 12.9, "Technical Specifications per Compute Capability"; the
/// granularities are those of CUDA 12.4's <c>cuda_occupancy.h</c>.
/// </summary>
internal sealed record Architecture(string Name, int Threads, int Blocks, int SharedKilobytes)
{
    private const int Registers = 65536, Partitions = 4, Lanes = 32, RegisterUnit = 256, SharedUnit = 128, ReservedShared = 1024;

    private static readonly Architecture[] Known =
    [
        new("sm_80", 2048, 32, 164), new("sm_86", 1536, 16, 100), new("sm_87", 1536, 16, 164), new("sm_89", 1536, 24, 100),
        new("sm_90", 2048, 32, 228), new("sm_100", 2048, 32, 228), new("sm_120", 1536, 24, 100),
    ];

    /// <summary>The limits of an architecture; null where the table has no row for it.</summary>
    public static Architecture? Find(string name) => Array.Find(Known, known => known.Name == name);

    /// <summary>Blocks that one multiprocessor holds at once; 0 where the block does not fit.</summary>
    public int ResidentBlocks(int threads, int registers, int sharedBytes)
    {
        int warps = RoundUp(threads, Lanes) / Lanes;
        int registersPerWarp = Math.Max(RoundUp(registers * Lanes, RegisterUnit), RegisterUnit);
        int byRegisters = Registers / Partitions / registersPerWarp * Partitions / warps;
        int byShared = SharedKilobytes * 1024 / RoundUp(sharedBytes + ReservedShared, SharedUnit);
        return Math.Min(Math.Min(Blocks, Threads / (warps * Lanes)), Math.Min(byRegisters, byShared));
    }

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
