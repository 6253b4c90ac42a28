namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// Order between blocks: a block that fences and then writes an atomic releases what it did before the fence; a block that then
/// reads that atomic acquires it, by the read itself or by the fence behind it. Finer than blocks it does not look.
/// </summary>
internal sealed class GlobalOrder
{
    private readonly Lock gate = new();
    private readonly Dictionary<ulong, Dictionary<int, int>> releases = [];

    /// <summary>A block's access to an address by an atomic or another strong operation.</summary>
    /// <param name="address">Where.</param>
    /// <param name="block">Its number.</param>
    /// <param name="fencedEpoch">Up to where its last fence releases what it did.</param>
    /// <param name="acquired">What it knows of other blocks, which a release hands on.</param>
    /// <param name="read">Gets what is read of their releases.</param>
    /// <param name="reads">Whether it reads.</param>
    /// <param name="writes">Whether it writes.</param>
    public void Communicate(
        ulong address, int block, int fencedEpoch, Dictionary<int, int> acquired, Dictionary<int, int> read, bool reads, bool writes)
    {
        lock (gate)
        {
            if (releases.TryGetValue(address, out Dictionary<int, int>? released) && reads)
            {
                Merge(read, released);
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

    /// <summary>Adds what is known to what is known.</summary>
    public static void Merge(Dictionary<int, int> into, Dictionary<int, int> from)
    {
        foreach ((int block, int epoch) in from)
        {
            into[block] = Math.Max(into.GetValueOrDefault(block), epoch);
        }
    }
}
