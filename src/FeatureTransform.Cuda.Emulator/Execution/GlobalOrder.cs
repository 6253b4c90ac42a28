namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// Order between blocks: a block that fences and then writes an atomic releases what it did before the fence; a block that then
/// reads that atomic acquires it. Finer than blocks it does not look.
/// </summary>
internal sealed class GlobalOrder
{
    private readonly Lock gate = new();
    private readonly Dictionary<ulong, Dictionary<int, int>> releases = [];

    /// <summary>A block's access to an address by an atomic or another strong operation.</summary>
    public void Communicate(ulong address, int block, int fencedEpoch, Dictionary<int, int> acquired, bool reads, bool writes)
    {
        lock (gate)
        {
            if (releases.TryGetValue(address, out Dictionary<int, int>? released) && reads)
            {
                Merge(acquired, released);
            }
            if (!writes)
            {
                return;
            }
            if (released is null)
            {
                releases[address] = released = [];
            }
            if (fencedEpoch > 0)
            {
                Merge(released, acquired);
                released[block] = Math.Max(released.GetValueOrDefault(block), fencedEpoch);
            }
        }
    }

    private static void Merge(Dictionary<int, int> into, Dictionary<int, int> from)
    {
        foreach ((int block, int epoch) in from)
        {
            into[block] = Math.Max(into.GetValueOrDefault(block), epoch);
        }
    }
}
