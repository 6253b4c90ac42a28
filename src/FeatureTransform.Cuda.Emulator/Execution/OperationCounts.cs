namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What is counted for each operation of a module.</summary>
internal struct OperationCounts
{
    public long Executions;

    /// <summary>Lanes that executed it.</summary>
    public long Lanes;

    /// <summary>Global memory: 32-byte sectors and 128-byte lines of all requests.</summary>
    public long Sectors;
    public long CacheLines;

    /// <summary>The sectors of requests that write.</summary>
    public long WrittenSectors;

    /// <summary>Shared memory: passes through the banks, and those that conflicts added.</summary>
    public long Wavefronts;
    public long Conflicts;

    public long DivergentBranches;

    public void Add(in OperationCounts other)
    {
        Executions += other.Executions;
        Lanes += other.Lanes;
        Sectors += other.Sectors;
        CacheLines += other.CacheLines;
        WrittenSectors += other.WrittenSectors;
        Wavefronts += other.Wavefronts;
        Conflicts += other.Conflicts;
        DivergentBranches += other.DivergentBranches;
    }
}
