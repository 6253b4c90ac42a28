using System.Text;

namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads debug sections; only their strings are kept, which name the functions that were inlined.</summary>
internal static class SectionParser
{
    public static void Parse(TokenReader reader, PtxModule module)
    {
        Token name = reader.Take();
        if (name.Kind != TokenKind.Dotted || !name.Text.StartsWith("debug_", StringComparison.Ordinal))
        {
            throw new PtxException(name.Line, $"the section {name} is not known; only .debug_* sections are read");
        }
        bool strings = name.Text == "debug_str";
        reader.Expect('{');
        string label = "";
        var bytes = new List<byte>();
        while (!reader.Accept('}'))
        {
            Token token = reader.Take();
            if (token.Kind == TokenKind.Identifier)
            {
                reader.Expect(':');
                Keep();
                label = token.Text;
                continue;
            }
            if (token is not { Kind: TokenKind.Dotted, Text: "b8" or "b16" or "b32" or "b64" })
            {
                throw new PtxException(token.Line, $"a debug section holds labels and .b8 .b16 .b32 .b64, not {token}");
            }
            do
            {
                Token item = reader.Current;
                if (item.Kind is TokenKind.Identifier or TokenKind.Dotted)
                {
                    reader.Take(); // a label or a section, perhaps with an offset or less another label
                    while (reader.Accept('+') || reader.Accept('-'))
                    {
                        _ = reader.Current.Kind is TokenKind.Integer or TokenKind.Identifier ? reader.Take()
                            : throw reader.Unexpected("an offset");
                    }
                }
                else
                {
                    long value = reader.ExpectInteger("a number");
                    if (strings && token.Text == "b8")
                    {
                        bytes.Add((byte)value);
                    }
                }
            } while (reader.Accept(','));
        }
        Keep();

        void Keep()
        {
            if (strings && label.Length > 0)
            {
                module.DebugStrings[label] = Encoding.UTF8.GetString([.. bytes]).TrimEnd('\0');
            }
            bytes.Clear();
        }
    }
}
