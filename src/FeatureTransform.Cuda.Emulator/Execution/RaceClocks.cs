using System.Numerics;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// What the threads of a block know of each other: vector clocks of its warps, advanced by barriers, and within each warp those of
/// its lanes, advanced by bar.warp.sync. An access is ordered before another if the later one's clock has reached its stamp.
/// </summary>
internal sealed class RaceClocks
{
    private readonly int warps;
    private readonly int[] time; // of each warp, starting at 1 and never going back
    private readonly int[] known; // [warp * warps + other]: up to when a warp knows another
    private readonly int[] together; // up to when all lanes of a warp know each other
    private readonly int[]?[] lanes; // [warp][lane * 32 + other], made when lanes of a warp synchronise by parts
    private readonly int[][] arrived = new int[17][]; // clocks brought to each barrier; the last belongs to the cluster

    public RaceClocks(int warps)
    {
        this.warps = warps;
        time = new int[warps];
        known = new int[warps * warps];
        together = new int[warps];
        lanes = new int[]?[warps];
        for (int i = 0; i < arrived.Length; i++)
        {
            arrived[i] = new int[warps];
        }
        Array.Fill(time, 1);
    }

    /// <summary>Another block: what was before is over.</summary>
    public void Restart()
    {
        for (int w = 0; w < warps; w++)
        {
            for (int v = 0; v < warps; v++)
            {
                known[w * warps + v] = time[v];
            }
        }
        for (int w = 0; w < warps; w++)
        {
            together[w] = time[w]++;
            lanes[w] = null;
        }
        Array.ForEach(arrived, a => Array.Clear(a));
    }

    public int Time(int warp) => time[warp];

    /// <summary>Lanes of a warp have synchronised.</summary>
    public void OnWarpSync(int warp, uint peers, uint live)
    {
        if ((live & ~peers) == 0)
        {
            together[warp] = time[warp]++;
            return;
        }
        int[] clocks = lanes[warp] ??= new int[1024];
        Span<int> joined = stackalloc int[32];
        for (uint m = peers; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            for (int other = 0; other < 32; other++)
            {
                joined[other] = Math.Max(joined[other], (peers >> other & 1) != 0 ? time[warp] : clocks[lane * 32 + other]);
            }
        }
        for (uint m = peers; m != 0; m &= m - 1)
        {
            joined.CopyTo(clocks.AsSpan(BitOperations.TrailingZeroCount(m) * 32, 32));
        }
        time[warp]++;
    }

    /// <summary>Lanes of a warp arrive at a barrier: what they know is brought there.</summary>
    public void OnArrive(int warp, uint arriving, uint live, int barrier)
    {
        int[] brought = arrived[barrier];
        for (int v = 0; v < warps; v++)
        {
            brought[v] = Math.Max(brought[v], known[warp * warps + v]);
        }
        brought[warp] = Math.Max(brought[warp], time[warp]);
        if ((live & ~arriving) == 0)
        {
            together[warp] = time[warp];
        }
        time[warp]++;
    }

    /// <summary>A barrier is complete: the warps that waited know what all brought.</summary>
    public void OnComplete(IEnumerable<int> waiting, int barrier)
    {
        int[] brought = arrived[barrier];
        foreach (int w in waiting)
        {
            for (int v = 0; v < warps; v++)
            {
                known[w * warps + v] = Math.Max(known[w * warps + v], brought[v]);
            }
            // Lanes that came by parts met at the barrier.
            together[w] = Math.Max(together[w], brought[w]);
        }
        Array.Clear(brought);
    }

    /// <summary>Whether what a warp's lane did at a stamp is known to a lane of another or the same warp.</summary>
    public bool Knows(int warp, int lane, int otherWarp, int otherLane, int stamp)
    {
        if (warp != otherWarp)
        {
            return known[warp * warps + otherWarp] >= stamp;
        }
        return lane == otherLane || together[warp] >= stamp || lanes[warp] is { } clocks && clocks[lane * 32 + otherLane] >= stamp;
    }
}
