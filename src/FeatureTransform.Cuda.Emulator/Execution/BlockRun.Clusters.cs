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

    private const string EarlyExit = "cluster exit too early";

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

    /// <summary>Reports lanes that access shared memory of a block of the cluster that has exited.</summary>
    public void CheckAlive(Warp w, Op* op, Region region, uint lanes)
    {
        if (Cluster is not null && region != Shared && Array.Find(Cluster, b => b.Shared == region) is { IsDone: true } exited)
        {
            Report(w, op, Checks.Synchronization, EarlyExit, lanes, w.Addresses[BitOperations.TrailingZeroCount(lanes)],
                $"accesses shared memory of block {exited.Index}, which has exited");
        }
    }

    // The last thread exits: what other blocks did with the block's shared memory must be known to be over.
    private void CheckLeave(Warp warp)
    {
        if (!checksRaces || Cluster is null || Shared.Shadow is not { } shadow)
        {
            return;
        }
        foreach ((ulong offset, RaceCell cell) in shadow.Of(KeyOf(Shared)))
        {
            foreach (RaceAccess access in new[] { cell.Writer, cell.Reader, cell.OtherReader })
            {
                if (access.Block >= 0 && access.Block != number && !IsOrdered(access, warp.Index, 0))
                {
                    ReportAt(access.Operation, warp, Checks.Synchronization, EarlyExit, offset,
                        $"block {Index} exits without a barrier of the cluster behind this access to byte {offset} of its shared memory by "
                        + $"block number {access.Block}");
                    return;
                }
            }
        }
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
