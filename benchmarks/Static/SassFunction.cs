namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// One machine instruction: its opcode with modifiers, whether a predicate guards it, and where it branches to (-1: nowhere).
/// </summary>
internal readonly record struct SassInstruction(string Opcode, bool Predicated, int Target)
{
    /// <summary>The opcode without its modifiers: <c>HMMA</c> of <c>HMMA.16816.F32.BF16</c>.</summary>
    public string Name => Opcode.IndexOf('.', StringComparison.Ordinal) is var dot and >= 0 ? Opcode[..dot] : Opcode;

    /// <summary>A product on the tensor cores.</summary>
    public bool IsTensor => Name is "HMMA" or "HGMMA";
}

/// <summary>The instructions of one kernel, as <c>nvdisasm -c</c> prints them; branch targets are indices into them.</summary>
internal sealed record SassFunction(string Name, SassInstruction[] Instructions)
{
    private const string Section = ".text.";

    /// <summary>Reads every kernel of a disassembly.</summary>
    public static List<SassFunction> Parse(string disassembly)
    {
        var functions = new List<SassFunction>();
        string? name = null;
        var lines = new List<string>();
        foreach (string line in disassembly.Split('\n').Select(line => line.Trim()))
        {
            if (line.StartsWith(Section, StringComparison.Ordinal) && line.EndsWith(':'))
            {
                Finish();
                (name, lines) = (line[Section.Length..^1], []);
            }

            lines.Add(line);
        }

        Finish();
        return functions;

        void Finish()
        {
            if (name is not null)
            {
                functions.Add(new(name, Resolve(lines)));
            }
        }
    }

    private static SassInstruction[] Resolve(List<string> lines)
    {
        var labels = new Dictionary<string, int>();
        var instructions = new List<(string Text, string? Label)>();
        foreach (string line in lines)
        {
            if (line.EndsWith(':'))
            {
                labels[line[..^1]] = instructions.Count;
            }
            else if (line.StartsWith("/*", StringComparison.Ordinal)
                && line.IndexOf("*/", StringComparison.Ordinal) is var end and > 0
                && line[(end + 2)..].Trim().TrimEnd(';').Trim() is { Length: > 0 } text)
            {
                int label = text.IndexOf("`(", StringComparison.Ordinal);
                instructions.Add((text, label < 0 ? null : text[(label + 2)..text.IndexOf(')', label)]));
            }
        }

        return [.. instructions.Select(instruction => Read(instruction.Text, instruction.Label, labels))];
    }

    private static SassInstruction Read(string text, string? label, Dictionary<string, int> labels)
    {
        bool predicated = text.StartsWith('@');
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string opcode = words[predicated ? 1 : 0];
        // BSSY and CALL name labels too, but do not go there and on.
        bool branches = opcode is "BRA" or "JMP" || opcode.StartsWith("BRA.", StringComparison.Ordinal);
        int target = branches && label is not null && labels.TryGetValue(label, out int index) ? index : -1;
        // "BRA P1, `(L)" (or with !P1 or UP1) is conditional without a predicate before it.
        return new(opcode, predicated || (branches && words.Length > 2 && !words[1].StartsWith('`')), target);
    }
}
