using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator;

/// <summary>What a launch, or one line of it, executed. These are facts about the PTX and say nothing of time.</summary>
public sealed record KernelCounters
{
    /// <summary>The CUDA source file; null for a whole launch and for code without a line.</summary>
    public string? File { get; init; }

    /// <summary>The line in it; 0 for a whole launch.</summary>
    public int Line { get; init; }

    /// <summary>Instructions executed by warps.</summary>
    public long Instructions { get; private set; }

    /// <summary>Instructions times the lanes that executed them.</summary>
    public long LaneOperations { get; private set; }

    /// <summary>Lanes that executed an instruction on average, of 32.</summary>
    public double ActiveLanes => Instructions == 0 ? 0 : (double)LaneOperations / Instructions;

    /// <summary>Integer, logic, comparison, conversion and move instructions.</summary>
    public long IntegerInstructions { get; private set; }

    /// <summary>Floating-point instructions other than matrix products.</summary>
    public long FloatInstructions { get; private set; }

    /// <summary>Approximate functions: ex2, rcp, sin and their like.</summary>
    public long SpecialFunctions { get; private set; }

    /// <summary>Loads and stores of all spaces, copies included.</summary>
    public long MemoryInstructions { get; private set; }

    /// <summary>Requests to global memory.</summary>
    public long GlobalRequests { get; private set; }

    /// <summary>32-byte sectors they touch.</summary>
    public long GlobalSectors { get; private set; }

    /// <summary>Those of them that stores and atomics touch; the rest is read alone.</summary>
    public long GlobalWrittenSectors { get; private set; }

    /// <summary>128-byte lines they touch.</summary>
    public long GlobalCacheLines { get; private set; }

    /// <summary>Requests to shared memory.</summary>
    public long SharedRequests { get; private set; }

    /// <summary>Passes through the 32 banks.</summary>
    public long SharedWavefronts { get; private set; }

    /// <summary>Passes beyond those that the amount of data needs.</summary>
    public long BankConflicts { get; private set; }

    /// <summary>Operations on fp32 numbers; a fused multiply-add counts two.</summary>
    public long SingleFlops { get; private set; }

    /// <summary>Operations on fp64 numbers.</summary>
    public long DoubleFlops { get; private set; }

    /// <summary>Operations on fp16 and bf16 numbers outside of matrix products.</summary>
    public long HalfFlops { get; private set; }

    /// <summary>Matrix products of a warp.</summary>
    public long MatrixInstructions { get; private set; }

    /// <summary>Multiplications and additions in them.</summary>
    public long MatrixFlops { get; private set; }

    /// <summary>Branches.</summary>
    public long Branches { get; private set; }

    /// <summary>Branches at which lanes parted.</summary>
    public long DivergentBranches { get; private set; }

    /// <summary>Barriers of the block, counted once a warp.</summary>
    public long Barriers { get; private set; }

    /// <summary>Shuffles, votes and other operations across a warp.</summary>
    public long WarpOperations { get; private set; }

    /// <summary>Atomics, counted a lane.</summary>
    public long Atomics { get; private set; }

    internal static (KernelCounters Total, IReadOnlyList<KernelCounters> Lines) From(DecodedModule module,
        OperationCounts[] counts)
    {
        var total = new KernelCounters();
        var lines = new SortedDictionary<(string, int), KernelCounters>();
        foreach (DecodedFunction function in module.Functions)
        {
            for (int i = 0; i < function.Count; i++)
            {
                ref OperationCounts count = ref counts[function.CountBase + i];
                if (count.Executions == 0 || function.IsCheck(i))
                {
                    continue;
                }
                PtxInstruction source = function.SourceOf(i);
                (string? file, int line, _) = module.Place(source.Location);
                if (!lines.TryGetValue((file ?? "", line), out KernelCounters? at))
                {
                    lines[(file ?? "", line)] = at = new KernelCounters { File = file, Line = line };
                }
                at.Add(source, count);
                total.Add(source, count);
            }
        }
        return (total, [.. lines.Values]);
    }

    /// <summary>The sum of two launches.</summary>
    internal KernelCounters Plus(KernelCounters other) => new()
    {
        Instructions = Instructions + other.Instructions,
        LaneOperations = LaneOperations + other.LaneOperations,
        IntegerInstructions = IntegerInstructions + other.IntegerInstructions,
        FloatInstructions = FloatInstructions + other.FloatInstructions,
        SpecialFunctions = SpecialFunctions + other.SpecialFunctions,
        MemoryInstructions = MemoryInstructions + other.MemoryInstructions,
        GlobalRequests = GlobalRequests + other.GlobalRequests,
        GlobalSectors = GlobalSectors + other.GlobalSectors,
        GlobalWrittenSectors = GlobalWrittenSectors + other.GlobalWrittenSectors,
        GlobalCacheLines = GlobalCacheLines + other.GlobalCacheLines,
        SharedRequests = SharedRequests + other.SharedRequests,
        SharedWavefronts = SharedWavefronts + other.SharedWavefronts,
        BankConflicts = BankConflicts + other.BankConflicts,
        SingleFlops = SingleFlops + other.SingleFlops,
        DoubleFlops = DoubleFlops + other.DoubleFlops,
        HalfFlops = HalfFlops + other.HalfFlops,
        MatrixInstructions = MatrixInstructions + other.MatrixInstructions,
        MatrixFlops = MatrixFlops + other.MatrixFlops,
        Branches = Branches + other.Branches,
        DivergentBranches = DivergentBranches + other.DivergentBranches,
        Barriers = Barriers + other.Barriers,
        WarpOperations = WarpOperations + other.WarpOperations,
        Atomics = Atomics + other.Atomics,
    };

    private void Add(PtxInstruction source, in OperationCounts count)
    {
        Instructions += count.Executions;
        LaneOperations += count.Lanes;
        GlobalSectors += count.Sectors;
        GlobalWrittenSectors += count.WrittenSectors;
        GlobalCacheLines += count.CacheLines;
        GlobalRequests += count.Sectors > 0 ? count.Executions : 0;
        SharedWavefronts += count.Wavefronts;
        SharedRequests += count.Wavefronts > 0 ? count.Executions : 0;
        BankConflicts += count.Conflicts;
        DivergentBranches += count.DivergentBranches;
        PtxType type = source.Types.Count > 0 ? source.Types[^1] : PtxType.None;
        switch (source.Opcode)
        {
            case "mma" or "wmma.mma":
                MatrixInstructions += count.Executions;
                MatrixFlops += count.Executions * MatrixWork(source);
                break;
            case "bra" or "brx.idx" or "call" or "ret" or "exit":
                Branches += source.Opcode is "bra" or "brx.idx" ? count.Executions : 0;
                break;
            case "atom" or "red":
                Atomics += count.Lanes;
                MemoryInstructions += count.Executions;
                break;
            case "ld" or "ldu" or "st" or "ldmatrix" or "stmatrix" or "wmma.load" or "wmma.store.d" or "cp.async":
                MemoryInstructions += count.Executions;
                break;
            case var sync when sync.EndsWith(".sync", StringComparison.Ordinal)
                && (sync[0] is 's' or 'v' or 'm' or 'r' or 'e' || sync == "bar.warp.sync"):
                WarpOperations += count.Executions;
                break;
            case var bar when bar.StartsWith("bar", StringComparison.Ordinal):
                Barriers += count.Executions;
                break;
            case "ex2" or "lg2" or "rcp" or "sqrt" or "rsqrt" or "sin" or "cos" or "tanh":
                SpecialFunctions += count.Executions;
                break;
            case "add" or "sub" or "mul" or "fma" or "mad" or "min" or "max" or "div" when type.IsFloat():
                FloatInstructions += count.Executions;
                AddFlops(type, count.Lanes * (source.Opcode is "fma" or "mad" ? 2 : 1));
                break;
            default:
                IntegerInstructions += count.Executions;
                break;
        }
    }

    private void AddFlops(PtxType type, long operations)
    {
        switch (type)
        {
            case PtxType.F64:
                DoubleFlops += operations;
                break;
            case PtxType.F32:
                SingleFlops += operations;
                break;
            default:
                HalfFlops += type is PtxType.F16x2 or PtxType.BF16x2 ? 2 * operations : operations;
                break;
        }
    }

    // The shape names the three extents: m16n8k16.
    private static long MatrixWork(PtxInstruction source)
    {
        string shape = source.Modifiers.First(m => m.Length > 1 && m[0] == 'm' && char.IsAsciiDigit(m[1]));
        return 2 * shape.Split('m', 'n', 'k').Skip(1).Aggregate(1L, (product, extent) => product * long.Parse(extent));
    }
}
