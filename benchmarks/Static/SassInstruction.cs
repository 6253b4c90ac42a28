using System.Globalization;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// One machine instruction: its opcode with modifiers, whether a predicate guards it, and where it branches to (-1: nowhere).
/// </summary>
internal readonly record struct SassInstruction(string Opcode, bool Predicated, int Target)
{
    /// <summary>Bytes of an instruction, from sm_70 on.</summary>
    public const int Bytes = 16;

    /// <summary>The opcode without its modifiers: <c>HMMA</c> of <c>HMMA.16816.F32.BF16</c>.</summary>
    public string Name => Opcode.IndexOf('.', StringComparison.Ordinal) is var dot and >= 0 ? Opcode[..dot] : Opcode;

    /// <summary>A product on the tensor cores.</summary>
    public bool IsTensor => Name is "HMMA" or "HGMMA";

    /// <summary>Reads code as <c>nvdisasm --binary</c> prints it; branch targets are indices into the result.</summary>
    public static SassInstruction[] Parse(string listing)
    {
        var instructions = new List<SassInstruction>();
        foreach (ReadOnlySpan<char> line in listing.AsSpan().EnumerateLines())
        {
            ReadOnlySpan<char> rest = line.Trim();
            if (rest.StartsWith("/*") && rest.IndexOf("*/") is var end and > 0
                && rest[(end + 2)..].Trim().TrimEnd(';').Trim() is { Length: > 0 } text)
            {
                instructions.Add(Read(text.ToString()));
            }
        }

        return [.. instructions];
    }

    private static SassInstruction Read(string text)
    {
        const string Hexadecimal = "0x";
        bool predicated = text.StartsWith('@');
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string opcode = words[predicated ? 1 : 0];
        // BSSY and CALL name addresses too, but do not go there and on.
        bool branches = (opcode is "BRA" or "JMP" || opcode.StartsWith("BRA.", StringComparison.Ordinal))
            && words[^1].StartsWith(Hexadecimal, StringComparison.Ordinal);
        int target = branches ? int.Parse(words[^1].AsSpan(Hexadecimal.Length), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / Bytes : -1;
        // "BRA P1, 0x80" (or with !P1 or UP1) is conditional without a predicate before it.
        return new(opcode, predicated || (branches && words.Length > 2), target);
    }
}
