namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>The types of PTX instructions and variables.</summary>
internal enum PtxType : byte
{
    None, Pred,
    B1, U4, S4, U8, S8, B8, U16, S16, B16, U32, S32, B32, U64, S64, B64, B128,
    F16, BF16, F16x2, BF16x2, F32, TF32, F64, U16x2, S16x2, E4M3, E5M2, E4M3x2, E5M2x2,
}

internal static class PtxTypes
{
    private static readonly Dictionary<string, PtxType> ByName =
        Enum.GetValues<PtxType>().Where(t => t != PtxType.None).ToDictionary(t => t.Name());

    public static bool TryParse(string name, out PtxType type) => ByName.TryGetValue(name, out type);

    public static string Name(this PtxType type) => type.ToString().ToLowerInvariant();

    /// <summary>Bits of a value; a predicate counts as 1.</summary>
    public static int Bits(this PtxType type) => type switch
    {
        PtxType.Pred or PtxType.B1 => 1,
        PtxType.U4 or PtxType.S4 => 4,
        PtxType.U8 or PtxType.S8 or PtxType.B8 or PtxType.E4M3 or PtxType.E5M2 => 8,
        PtxType.U16 or PtxType.S16 or PtxType.B16 or PtxType.F16 or PtxType.BF16 or PtxType.E4M3x2 or PtxType.E5M2x2 => 16,
        PtxType.U64 or PtxType.S64 or PtxType.B64 or PtxType.F64 => 64,
        PtxType.B128 => 128,
        _ => 32,
    };

    public static int Bytes(this PtxType type) => (type.Bits() + 7) / 8;

    public static bool IsSigned(this PtxType type) =>
        type is PtxType.S4 or PtxType.S8 or PtxType.S16 or PtxType.S32 or PtxType.S64 or PtxType.S16x2;

    public static bool IsFloat(this PtxType type) =>
        type is PtxType.F16 or PtxType.BF16 or PtxType.F16x2 or PtxType.BF16x2 or PtxType.F32 or PtxType.TF32 or PtxType.F64;
}

/// <summary>Where a variable lives.</summary>
internal enum StateSpace : byte
{
    Generic, Register, Global, Const, Shared, Local, Param,
}
