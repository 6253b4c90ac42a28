using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Reads of special registers.</summary>
internal static unsafe class SpecialOperations
{
    public static void Read(Warp w, Op* op)
    {
        var register = (SpecialRegister)op->Immediate;
        if (register > SpecialRegister.TidZ
            && register is not (SpecialRegister.LaneId or >= SpecialRegister.LanemaskEq and <= SpecialRegister.LanemaskGt))
        {
            MoveOperations.Broadcast(w, op, Uniform(w, register));
            return;
        }
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            uint value = PerLane(w, register, lane);
            if ((op->Wide & Wide.D) != 0)
            {
                ((ulong*)(w.R + op->D))[lane] = value;
            }
            else
            {
                ((uint*)(w.R + op->D))[lane] = value;
            }
        }
    }

    private static uint PerLane(Warp w, SpecialRegister register, int lane) => register switch
    {
        SpecialRegister.TidX => w.Block.ThreadOf(w, lane).X,
        SpecialRegister.TidY => w.Block.ThreadOf(w, lane).Y,
        SpecialRegister.TidZ => w.Block.ThreadOf(w, lane).Z,
        SpecialRegister.LaneId => (uint)lane,
        SpecialRegister.LanemaskEq => 1u << lane,
        SpecialRegister.LanemaskLe => (uint)((2ul << lane) - 1),
        SpecialRegister.LanemaskLt => (1u << lane) - 1,
        SpecialRegister.LanemaskGe => ~((1u << lane) - 1),
        _ => ~(uint)((2ul << lane) - 1),
    };

    private static ulong Uniform(Warp w, SpecialRegister register)
    {
        LaunchContext launch = w.Block.Launch;
        Dim3 block = w.Block.Index, cluster = launch.Cluster;
        return register switch
        {
            SpecialRegister.NtidX => launch.Block.X,
            SpecialRegister.NtidY => launch.Block.Y,
            SpecialRegister.NtidZ => launch.Block.Z,
            SpecialRegister.CtaidX => block.X,
            SpecialRegister.CtaidY => block.Y,
            SpecialRegister.CtaidZ => block.Z,
            SpecialRegister.NctaidX => launch.Grid.X,
            SpecialRegister.NctaidY => launch.Grid.Y,
            SpecialRegister.NctaidZ => launch.Grid.Z,
            SpecialRegister.WarpId => (ulong)w.Index,
            SpecialRegister.NwarpId => (ulong)w.Block.Warps.Count,
            SpecialRegister.NsmId => (ulong)launch.Options.Device.Multiprocessors,
            SpecialRegister.SmId => (block.X + block.Y * (ulong)launch.Grid.X) % (ulong)launch.Options.Device.Multiprocessors,
            SpecialRegister.Clock64 or SpecialRegister.GlobalTimer => w.Block.Tick(),
            SpecialRegister.Clock or SpecialRegister.GlobalTimerLo => (uint)w.Block.Tick(),
            SpecialRegister.ClockHi or SpecialRegister.GlobalTimerHi => w.Block.Tick() >> 32,
            SpecialRegister.DynamicSmemSize => launch.DynamicShared,
            SpecialRegister.TotalSmemSize or SpecialRegister.AggrSmemSize => launch.SharedBytes,
            SpecialRegister.ClusterIdX => block.X / cluster.X,
            SpecialRegister.ClusterIdY => block.Y / cluster.Y,
            SpecialRegister.ClusterIdZ => block.Z / cluster.Z,
            SpecialRegister.NclusterIdX => launch.Grid.X / cluster.X,
            SpecialRegister.NclusterIdY => launch.Grid.Y / cluster.Y,
            SpecialRegister.NclusterIdZ => launch.Grid.Z / cluster.Z,
            SpecialRegister.ClusterCtaidX => block.X % cluster.X,
            SpecialRegister.ClusterCtaidY => block.Y % cluster.Y,
            SpecialRegister.ClusterCtaidZ => block.Z % cluster.Z,
            SpecialRegister.ClusterNctaidX => cluster.X,
            SpecialRegister.ClusterNctaidY => cluster.Y,
            SpecialRegister.ClusterNctaidZ => cluster.Z,
            SpecialRegister.ClusterCtarank => w.Block.ClusterRank,
            SpecialRegister.ClusterNctarank => cluster.X * cluster.Y * cluster.Z,
            SpecialRegister.IsExplicitCluster => w.Block.Cluster is null ? 0u : 1u,
            _ => 0,
        };
    }
}
