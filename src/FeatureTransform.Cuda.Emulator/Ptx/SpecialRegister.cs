namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>The special registers the emulator has.</summary>
internal enum SpecialRegister
{
    TidX, TidY, TidZ, NtidX, NtidY, NtidZ, CtaidX, CtaidY, CtaidZ, NctaidX, NctaidY, NctaidZ,
    LaneId, WarpId, NwarpId, SmId, NsmId, GridId,
    LanemaskEq, LanemaskLe, LanemaskLt, LanemaskGe, LanemaskGt,
    Clock, ClockHi, Clock64, GlobalTimer, GlobalTimerLo, GlobalTimerHi,
    DynamicSmemSize, TotalSmemSize, AggrSmemSize, ReservedSmemOffsetBegin,
    ClusterIdX, ClusterIdY, ClusterIdZ, NclusterIdX, NclusterIdY, NclusterIdZ,
    ClusterCtaidX, ClusterCtaidY, ClusterCtaidZ, ClusterNctaidX, ClusterNctaidY, ClusterNctaidZ,
    ClusterCtarank, ClusterNctarank, IsExplicitCluster,
}

internal static class SpecialRegisters
{
    private static readonly Dictionary<string, SpecialRegister> ByName = Build();

    /// <summary>Looks up a name such as %tid.x.</summary>
    public static bool TryParse(string name, out SpecialRegister register) => ByName.TryGetValue(name, out register);

    /// <summary>Whether the name, without its component, belongs to a special register.</summary>
    public static bool IsVector(string name) => ByName.ContainsKey(name + ".x");

    public static string Known => string.Join(' ', ByName.Keys.Order(StringComparer.Ordinal));

    public static bool Is64Bit(this SpecialRegister register) =>
        register is SpecialRegister.Clock64 or SpecialRegister.GlobalTimer or SpecialRegister.GridId;

    private static Dictionary<string, SpecialRegister> Build()
    {
        var names = new Dictionary<string, SpecialRegister>(StringComparer.Ordinal);
        foreach ((string prefix, SpecialRegister first) in new[]
        {
            ("%tid", SpecialRegister.TidX), ("%ntid", SpecialRegister.NtidX),
            ("%ctaid", SpecialRegister.CtaidX), ("%nctaid", SpecialRegister.NctaidX),
            ("%clusterid", SpecialRegister.ClusterIdX), ("%nclusterid", SpecialRegister.NclusterIdX),
            ("%cluster_ctaid", SpecialRegister.ClusterCtaidX), ("%cluster_nctaid", SpecialRegister.ClusterNctaidX),
        })
        {
            names[prefix + ".x"] = first;
            names[prefix + ".y"] = first + 1;
            names[prefix + ".z"] = first + 2;
        }
        foreach ((string name, SpecialRegister register) in new[]
        {
            ("%laneid", SpecialRegister.LaneId), ("%warpid", SpecialRegister.WarpId), ("%nwarpid", SpecialRegister.NwarpId),
            ("%smid", SpecialRegister.SmId), ("%nsmid", SpecialRegister.NsmId), ("%gridid", SpecialRegister.GridId),
            ("%lanemask_eq", SpecialRegister.LanemaskEq), ("%lanemask_le", SpecialRegister.LanemaskLe),
            ("%lanemask_lt", SpecialRegister.LanemaskLt), ("%lanemask_ge", SpecialRegister.LanemaskGe),
            ("%lanemask_gt", SpecialRegister.LanemaskGt), ("%clock", SpecialRegister.Clock),
                ("%clock_hi", SpecialRegister.ClockHi),
            ("%clock64", SpecialRegister.Clock64), ("%globaltimer", SpecialRegister.GlobalTimer),
            ("%globaltimer_lo", SpecialRegister.GlobalTimerLo), ("%globaltimer_hi", SpecialRegister.GlobalTimerHi),
            ("%dynamic_smem_size", SpecialRegister.DynamicSmemSize), ("%total_smem_size", SpecialRegister.TotalSmemSize),
            ("%aggr_smem_size", SpecialRegister.AggrSmemSize),
            ("%reserved_smem_offset_begin", SpecialRegister.ReservedSmemOffsetBegin),
            ("%cluster_ctarank", SpecialRegister.ClusterCtarank), ("%cluster_nctarank", SpecialRegister.ClusterNctarank),
            ("%is_explicit_cluster", SpecialRegister.IsExplicitCluster),
        })
        {
            names[name] = register;
        }
        return names;
    }
}
