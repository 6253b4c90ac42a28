namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>
/// What may follow an opcode: slots of modifiers (those in one slot exclude each other), the types, how many types and how many
/// operands.
/// </summary>
internal sealed class OpcodeEntry
{
    private readonly string[][] slots;
    private readonly HashSet<PtxType> types;

    /// <param name="name">The opcode, with the parts that make it another instruction: cp.async.commit_group.</param>
    /// <param name="operands">Count of operands, "3" or "2-3".</param>
    /// <param name="modifiers">Slots, separated by blanks; alternatives in a slot, separated by slashes.</param>
    /// <param name="types">Types separated by blanks.</param>
    /// <param name="typeCount">Count of types, "1" or "1-2".</param>
    public OpcodeEntry(string name, string operands, string modifiers = "", string types = "", string typeCount = "")
    {
        Name = name;
        (MinOperands, MaxOperands) = Range(operands);
        (MinTypes, MaxTypes) = Range(typeCount.Length > 0 ? typeCount : types.Length > 0 ? "1" : "0");
        slots = [.. modifiers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(slot => slot.Split('/'))];
        this.types = [.. types.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(
            t => PtxTypes.TryParse(t, out PtxType type) ? type : throw new ArgumentException($"{name}: no type {t}"))];
    }

    public string Name { get; }

    public int MinOperands { get; }

    public int MaxOperands { get; }

    public int MinTypes { get; }

    public int MaxTypes { get; }

    /// <summary>Puts the dotted names behind the opcode into the instruction, or refuses them.</summary>
    public void Classify(PtxInstruction instruction, ReadOnlySpan<Token> dotted)
    {
        uint used = 0;
        foreach (Token token in dotted)
        {
            string modifier = token.Text;
            int slot = Array.FindIndex(slots, s => s.Contains(modifier));
            if (slot >= 0 && (used >> slot & 1) != 0
                && Array.FindIndex(slots, s => s.Contains(modifier + "2")) is >= 0 and int second)
            {
                // The layout of the second matrix: .row.col.
                (slot, modifier) = (second, modifier + "2");
            }
            if (slot >= 0)
            {
                if ((used >> slot & 1) != 0)
                {
                    throw new PtxException(token.Line,
                        $"{Name}: .{token.Text} follows another of .{string.Join(" .", slots[slot])}");
                }
                used |= 1u << slot;
                instruction.Modifiers.Add(modifier);
            }
            else if (PtxTypes.TryParse(token.Text, out PtxType type) && types.Contains(type)
                && instruction.Types.Count < MaxTypes)
            {
                instruction.Types.Add(type);
            }
            else
            {
                throw new PtxException(token.Line, $"{Name} does not take .{token.Text}; it takes {Accepted}");
            }
        }
        if (instruction.Types.Count < MinTypes)
        {
            throw new PtxException(instruction.Line, $"{Name} needs {MinTypes} type(s) of {TypeNames}");
        }
    }

    public void CheckOperands(PtxInstruction instruction)
    {
        int count = instruction.Operands.Count;
        if (count < MinOperands || count > MaxOperands)
        {
            string range = MinOperands == MaxOperands ? $"{MinOperands}" : $"{MinOperands} to {MaxOperands}";
            throw new PtxException(instruction.Line, $"{instruction.Form} takes {range} operands, not {count}");
        }
    }

    private string Accepted
    {
        get
        {
            string modifiers = string.Join(' ', slots.SelectMany(s => s).Select(m => "." + m));
            return (modifiers, TypeNames) switch
            {
                ("", "") => "no modifier",
                (_, "") => modifiers,
                ("", _) => $"the types {TypeNames}",
                _ => $"{modifiers} and the types {TypeNames}",
            };
        }
    }

    private string TypeNames => string.Join(' ', types.Select(t => "." + t.Name()));

    private static (int Min, int Max) Range(string text)
    {
        string[] parts = text.Split('-');
        return (int.Parse(parts[0]), int.Parse(parts[^1]));
    }
}
