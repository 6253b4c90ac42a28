namespace FeatureTransform.Benchmarks.Static;

/// <summary>Instructions counted by what they occupy.</summary>
/// <param name="Total">All.</param>
/// <param name="Tensor">Products on the tensor cores (HMMA).</param>
/// <param name="Matrix">Matrix loads from shared memory (LDSM), counted in x4 units.</param>
/// <param name="Special">Special functions (MUFU), <paramref name="Exponentials"/> among them.</param>
/// <param name="Exponentials">MUFU.EX2.</param>
/// <param name="Float">Arithmetic, comparisons and selections of floats.</param>
/// <param name="Integer">Integer arithmetic, moves and predicates.</param>
/// <param name="Pack">Conversions and byte permutations.</param>
/// <param name="Shared">Other accesses to shared memory, asynchronous copies into it included.</param>
/// <param name="Global">Accesses to global memory.</param>
/// <param name="Local">Accesses to local memory: spilled registers and arrays.</param>
/// <param name="Barriers">Barriers of the block.</param>
/// <param name="Other">The rest: branches, waits, votes, shuffles.</param>
/// <param name="Wavefronts">Passes of shared memory that a warp's accesses take where no banks conflict.</param>
/// <param name="GlobalBytes">Bytes that a warp reads from global memory, asynchronous copies included.</param>
internal sealed record InstructionMix(
    int Total, int Tensor, double Matrix, int Special, int Exponentials, int Float, int Integer, int Pack, int Shared, int Global,
    int Local, int Barriers, int Other, int Wavefronts, int GlobalBytes)
{
    private const int Lanes = 32;

    /// <summary>The counts with their names; their sum is <see cref="Total"/> where every LDSM is an x4.</summary>
    public (string Name, double Count)[] Counts =>
    [
        ("HMMA", Tensor), ("LDSM.x4", Matrix), ("MUFU", Special), ("float", Float), ("integer", Integer), ("pack", Pack),
        ("shared", Shared), ("global", Global), ("local", Local), ("barriers", Barriers), ("other", Other),
    ];

    /// <summary>Counts instructions.</summary>
    public static InstructionMix Of(IReadOnlyCollection<SassInstruction> instructions)
    {
        int Count(Kind kind) => instructions.Count(instruction => Classify(instruction.Name) == kind);
        IEnumerable<SassInstruction> Named(params string[] names) =>
            instructions.Where(instruction => names.Contains(instruction.Name));
        return new(
            instructions.Count,
            Count(Kind.Tensor),
            Named("LDSM").Sum(instruction => Matrices(instruction) / 4.0),
            Count(Kind.Special),
            instructions.Count(instruction => instruction.Opcode.StartsWith("MUFU.EX2", StringComparison.Ordinal)),
            Count(Kind.Float),
            Count(Kind.Integer),
            Count(Kind.Pack),
            Count(Kind.Shared),
            Count(Kind.Global),
            Count(Kind.Local),
            Count(Kind.Barrier),
            Count(Kind.Other),
            Named("LDSM").Sum(Matrices) + Named("LDS", "STS", "LDGSTS").Sum(instruction => Math.Max(1, Bytes(instruction) / 4)),
            Named("LDG", "LDGSTS").Sum(instruction => Lanes * Bytes(instruction)));
    }

    private static Kind Classify(string name) => name switch
    {
        "HMMA" or "HGMMA" => Kind.Tensor,
        "LDSM" => Kind.Matrix,
        "MUFU" => Kind.Special,
        "FADD" or "FMUL" or "FFMA" or "FSETP" or "FSET" or "FSEL" or "FMNMX" or "FCHK" or "FADD2" or "FMUL2" or "FFMA2" or
            "HADD2" or "HMUL2" or "HFMA2" or "HSETP2" or "HMNMX2" => Kind.Float,
        "F2F" or "F2FP" or "F2I" or "F2IP" or "I2F" or "I2FP" or "I2IP" or "FRND" or "PRMT" => Kind.Pack,
        "LDS" or "STS" or "LDGSTS" or "ATOMS" or "STSM" => Kind.Shared,
        "LDG" or "STG" or "LD" or "ST" or "ATOM" or "ATOMG" or "RED" => Kind.Global,
        "LDL" or "STL" => Kind.Local,
        "BAR" => Kind.Barrier,
        "IADD" or "IADD3" or "IMAD" or "IMUL" or "IMNMX" or "VIMNMX" or "IABS" or "ISETP" or "LEA" or "LOP" or "LOP3" or
            "PLOP3" or "SHF" or "SHL" or "SHR" or "SEL" or "MOV" or "POPC" or "FLO" or "BREV" or "BMSK" or "SGXT" or "CS2R" or
            "VIADD" or "UIADD3" or "UIMAD" or "USEL" or "UISETP" or "ULEA" or "ULOP3" or "UPLOP3" or "USHF" or "UMOV" or "R2UR" or
            "ULDC" or "P2R" or "R2P" or "IDP" or "UPRMT" or "UP2UR" or "USGXT" or "UFLO" or "UPOPC" or "UBREV" or
            "UBMSK" => Kind.Integer,
        _ => Kind.Other,
    };

    // LDSM.16.M88.4 loads four 8x8 matrices; without a count, one. A matrix is one wavefront.
    private static int Matrices(SassInstruction load) =>
        load.Opcode.EndsWith(".4", StringComparison.Ordinal) ? 4 : load.Opcode.EndsWith(".2", StringComparison.Ordinal) ? 2 : 1;

    private static int Bytes(SassInstruction access)
    {
        string[] modifiers = access.Opcode.Split('.');
        return modifiers.Contains("128") ? 16
            : modifiers.Contains("64") ? 8
            : modifiers.Contains("U16") || modifiers.Contains("S16") ? 2
            : modifiers.Contains("U8") || modifiers.Contains("S8") ? 1 : 4;
    }

    private enum Kind
    {
        Tensor, Matrix, Special, Float, Integer, Pack, Shared, Global, Local, Barrier, Other,
    }
}
