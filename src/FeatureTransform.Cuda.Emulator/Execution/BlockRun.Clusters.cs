using System.Numerics;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>The barrier of a cluster: arrivals of all threads of its blocks, in phases.</summary>
internal sealed class ClusterBarrier
{
    public int Arrived { get; set; }

    public int Phase { get; set; }
}

internal sealed unsafe partial class BlockRun
{
    /// <summary>Stands for the cluster among the barriers of the race check.</summary>
    private const int ClusterClock = 16;

    private ClusterBarrier clusterBarrier = new();

    /// <summary>Makes blocks one cluster; called before they start.</summary>
    public static void Form(BlockRun[] blocks)
    {
        var barrier = new ClusterBarrier();
        for (int rank = 0; rank < blocks.Length; rank++)
        {
            blocks[rank].clusterBarrier = barrier;
            blocks[rank].Cluster = blocks.Length > 1 ? blocks : null;
            blocks[rank].ClusterRank = (uint)rank;
        }
    }

    public static void ArriveCluster(Warp w, Op* op)
    {
        BlockRun block = w.Block;
        block.clusterBarrier.Arrived += BitOperations.PopCount(w.Mask);
        w.ClusterPhase = block.clusterBarrier.Phase;
        if (block.checksRaces)
        {
            block.clocks.OnArrive(w.Index, w.Mask, w.Live, ClusterClock);
        }
        block.CompleteCluster();
    }

    public static void WaitCluster(Warp w, Op* op)
    {
        if (w.Block.clusterBarrier.Phase <= w.ClusterPhase)
        {
            w.Detach(op).State = GroupState.Cluster;
        }
    }

    private void CompleteCluster()
    {
        BlockRun[] blocks = Cluster ?? [this];
        int live = blocks.Sum(b => b.LiveThreads);
        if (clusterBarrier.Arrived == 0 || clusterBarrier.Arrived < live)
        {
            return;
        }
        clusterBarrier.Arrived = 0;
        clusterBarrier.Phase++;
        foreach (BlockRun block in blocks)
        {
            if (checksRaces)
            {
                block.OrderCluster(blocks);
            }
            foreach (Warp warp in block.warps)
            {
                foreach (Group group in warp.Groups)
                {
                    if (group.State == GroupState.Cluster)
                    {
                        group.State = GroupState.Runnable;
                        group.Pc++;
                    }
                }
            }
        }
        Array.ForEach(blocks, b => b.epoch++);
    }

    // All that the blocks did before is known to each of them.
    private void OrderCluster(BlockRun[] blocks)
    {
        clocks.OnComplete(Enumerable.Range(0, warps.Length), ClusterClock);
        foreach (BlockRun other in blocks)
        {
            acquired[other.number] = Math.Max(acquired.GetValueOrDefault(other.number), other.epoch);
        }
    }

    /// <summary>
    /// Lanes arrive at an mbarrier, or have seen its phase end: what was known by those who came is known by those who saw.
    /// </summary>
    public void OnMbarrier(Warp w, Region region, ulong offset, uint lanes, bool arrives, bool waits)
    {
        if (!checksRaces || region != Shared)
        {
            return;
        }
        if (arrives)
        {
            clocks.Bring(w.Index, offset);
        }
        if (waits)
        {
            clocks.Take(w.Index, offset);
        }
    }
}
