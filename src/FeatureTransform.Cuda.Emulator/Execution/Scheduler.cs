using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// Runs the blocks of a launch: one after the other, with more of them side by side only where a block waits for another, which
/// also is how clusters run.
/// </summary>
internal sealed class Scheduler(LaunchContext launch)
{
    /// <summary>Blocks side by side when they wait for each other.</summary>
    private const int MostResident = 1024;

    /// <summary>Rounds of full turns without a block ending before another block is let in.</summary>
    private const int Patience = 64;

    private int nextBlock;
    private long executed;

    public OperationCounts[] Run()
    {
        int total = checked((int)Math.Min(int.MaxValue, (long)launch.Grid.X * launch.Grid.Y * launch.Grid.Z));
        int[] order = Enumerable.Range(0, total).ToArray();
        int clusterSize = (int)(launch.Cluster.X * launch.Cluster.Y * launch.Cluster.Z);
        if (launch.Options.OrderSeed != 0 && clusterSize == 1)
        {
            new Random(launch.Options.OrderSeed).Shuffle(order);
        }
        var counts = new OperationCounts[launch.Module.OperationCount];
        int workers = Math.Clamp(launch.Options.Workers, 1, Math.Max(1, total / clusterSize));
        if (workers == 1)
        {
            Work(order, clusterSize, counts);
        }
        else
        {
            Thread[] threads = [.. Enumerable.Range(0, workers)
                .Select(_ => new Thread(() => Work(order, clusterSize, counts), 16 << 20))];
            Array.ForEach(threads, t => t.Start());
            Array.ForEach(threads, t => t.Join());
        }
        return counts;
    }

    private void Work(int[] order, int clusterSize, OperationCounts[] counts)
    {
        Numerics.Approximation.Use(launch.Options.ApproximationSeed);
        var spare = new Stack<BlockRun>();
        var resident = new List<BlockRun>();
        var all = new List<BlockRun>();
        try
        {
            while (!launch.IsStopped)
            {
                if (resident.Count == 0 && !Admit(order, clusterSize, resident, spare, all))
                {
                    break;
                }
                RunResident(order, clusterSize, resident, spare, all);
            }
        }
        catch (KernelFault fault)
        {
            launch.Stop(fault);
        }
        finally
        {
            lock (counts)
            {
                all.ForEach(b => AddCounts(b, counts));
            }
            all.ForEach(b => b.Dispose());
        }
    }

    private void RunResident(int[] order, int clusterSize, List<BlockRun> resident, Stack<BlockRun> spare, List<BlockRun> all)
    {
        int rounds = 0;
        var random = launch.Options.OrderSeed != 0 ? new Random(launch.Options.OrderSeed ^ nextBlock) : null;
        int[] warps = Enumerable.Range(0, resident[0].Warps.Count).ToArray();
        while (resident.Count > 0 && !launch.IsStopped)
        {
            bool ran = false;
            long before = resident.Sum(b => b.Executed);
            random?.Shuffle(warps);
            foreach (BlockRun block in resident)
            {
                ran |= block.Step(warps);
            }
            long spent = Interlocked.Add(ref executed, resident.Sum(b => b.Executed) - before);
            long limit = launch.Options.InstructionLimit;
            if (limit > 0 && spent > limit && resident.Find(b => !b.IsDone) is { } endless)
            {
                endless.ReportEndless(limit);
            }
            // The blocks of a cluster leave together: others may still read their shared memory.
            bool done = clusterSize == 1 ? resident.RemoveAll(b => Retire(b, spare)) > 0
                : RetireClusters(resident, clusterSize, spare);
            rounds = done ? 0 : rounds + 1;
            if (!ran && !done && !Admit(order, clusterSize, resident, spare, all))
            {
                resident.First(b => !b.IsDone).ReportDeadlock();
            }
            else if (rounds > Patience && resident.Count < MostResident)
            {
                Admit(order, clusterSize, resident, spare, all);
                rounds = 0;
            }
        }
    }

    private static bool Retire(BlockRun block, Stack<BlockRun> spare)
    {
        if (block.IsDone)
        {
            spare.Push(block);
        }
        return block.IsDone;
    }

    private static bool RetireClusters(List<BlockRun> resident, int size, Stack<BlockRun> spare)
    {
        bool any = false;
        for (int i = resident.Count - size; i >= 0; i -= size)
        {
            if (resident.Skip(i).Take(size).All(b => b.IsDone))
            {
                resident.GetRange(i, size).ForEach(spare.Push);
                resident.RemoveRange(i, size);
                any = true;
            }
        }
        return any;
    }

    private bool Admit(int[] order, int clusterSize, List<BlockRun> resident, Stack<BlockRun> spare, List<BlockRun> all)
    {
        int first = Interlocked.Add(ref nextBlock, clusterSize) - clusterSize;
        if (first + clusterSize > order.Length)
        {
            return false;
        }
        BlockRun[] blocks = new BlockRun[clusterSize];
        for (int i = 0; i < clusterSize; i++)
        {
            if (!spare.TryPop(out BlockRun? block))
            {
                all.Add(block = new BlockRun(launch));
            }
            blocks[i] = block;
        }
        BlockRun.Form(blocks);
        for (int rank = 0; rank < clusterSize; rank++)
        {
            blocks[rank].Start(clusterSize == 1 ? Place(order[first], launch.Grid) : InCluster(first / clusterSize, rank));
            resident.Add(blocks[rank]);
        }
        return true;
    }

    private static Dim3 Place(int index, Dim3 extent) =>
        new((uint)index % extent.X, (uint)index / extent.X % extent.Y, (uint)(index / (extent.X * (long)extent.Y)));

    private Dim3 InCluster(int cluster, int rank)
    {
        Dim3 size = launch.Cluster;
        Dim3 outer = Place(cluster, new Dim3(launch.Grid.X / size.X, launch.Grid.Y / size.Y, launch.Grid.Z / size.Z)),
            inner = Place(rank, size);
        return new Dim3(outer.X * size.X + inner.X, outer.Y * size.Y + inner.Y, outer.Z * size.Z + inner.Z);
    }

    private static unsafe void AddCounts(BlockRun block, OperationCounts[] counts)
    {
        for (int i = 0; block.Counts != null && i < counts.Length; i++)
        {
            counts[i].Add(block.Counts[i]);
        }
    }
}
