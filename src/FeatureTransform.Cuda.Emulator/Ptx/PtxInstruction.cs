namespace FeatureTransform.Cuda.Emulator.Ptx;

internal enum OperandKind
{
    Register,
    Special, // %tid.x
    Integer,
    Float32,
    Float64,
    Symbol, // a variable or a function, as an address
    Label, // an instruction, or a list of labels or a prototype
    Address, // [base + offset]
    Vector, // {a, b}
    Pair, // a|b
    Sink, // _
    List, // (a, b) of a call
}

/// <summary>An operand as it was written, its names resolved.</summary>
internal sealed class PtxOperand(OperandKind kind, int line)
{
    public OperandKind Kind { get; } = kind;

    public int Line { get; } = line;

    public PtxRegister? Register { get; init; }

    public SpecialRegister Special { get; init; }

    /// <summary>The integer or the bits of the float; for an address or symbol the offset.</summary>
    public ulong Value { get; init; }

    public bool IsNegated { get; init; }

    public string Name { get; init; } = "";

    public PtxVariable? Variable { get; init; }

    /// <summary>What a label stands for, once the function is read.</summary>
    public PtxLabel? Label { get; set; }

    public IReadOnlyList<PtxOperand> Items { get; init; } = [];

    public override string ToString() => Kind switch
    {
        OperandKind.Register => Register!.ToString(),
        OperandKind.Integer => ((long)Value).ToString(System.Globalization.CultureInfo.InvariantCulture),
        OperandKind.Float32 => $"0f{Value:X8}",
        OperandKind.Float64 => $"0d{Value:X16}",
        OperandKind.Address => "an address",
        OperandKind.Vector => $"a vector of {Items.Count}",
        OperandKind.Pair => "a pair",
        OperandKind.Sink => "_",
        OperandKind.List => "a list",
        _ => Name,
    };
}

/// <summary>A label of a function body.</summary>
internal sealed class PtxLabel(string name, int line)
{
    public string Name { get; } = name;

    public int Line { get; } = line;

    /// <summary>The instruction it stands before; -1 for a list of targets or a prototype.</summary>
    public int Instruction { get; set; } = -1;

    /// <summary>The labels of .branchtargets or the functions of .calltargets.</summary>
    public List<PtxOperand>? Targets { get; set; }

    public bool IsPrototype { get; set; }
}

/// <summary>One instruction.</summary>
internal sealed class PtxInstruction(OpcodeEntry entry, int line)
{
    public OpcodeEntry Entry { get; } = entry;

    public int Line { get; } = line;

    public string Opcode => Entry.Name;

    public List<string> Modifiers { get; } = [];

    public List<PtxType> Types { get; } = [];

    public List<PtxOperand> Operands { get; } = [];

    public PtxRegister? Guard { get; set; }

    public bool GuardNegated { get; set; }

    /// <summary>Index into the module's locations, 0 for none.</summary>
    public int Location { get; set; }

    public PtxType Type => Types.Count > 0 ? Types[0] : PtxType.None;

    public bool Has(string modifier) => Modifiers.Contains(modifier);

    /// <summary>The modifier present of several that exclude each other, or the given default.</summary>
    public string Pick(string otherwise, params ReadOnlySpan<string> choices)
    {
        foreach (string choice in choices)
        {
            if (Has(choice))
            {
                return choice;
            }
        }
        return otherwise;
    }

    public string Form => Opcode + string.Concat(Modifiers.Select(m => "." + (m is "row2" or "col2" ? m[..3] : m)))
        + string.Concat(Types.Select(t => "." + t.Name()));

    public PtxException Refuse(string message) => new(Line, $"{Form}: {message}");
}
