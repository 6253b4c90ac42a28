namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads declarations of variables in memory and of parameters, with their initial values.</summary>
internal sealed class VariableParser(TokenReader reader)
{
    /// <summary>No declared variable may be larger; the limit keeps a damaged text from asking for the whole memory.</summary>
    private const long MostBytes = 1L << 30;

    /// <summary>space [align] type name[n] [= init] {, name...} ;</summary>
    public List<PtxVariable> Declaration()
    {
        StateSpace space = Space();
        int align = 0, vector = 1;
        PtxType type = TypeAndAlign(ref align, ref vector);
        var list = new List<PtxVariable>();
        do
        {
            PtxVariable variable = Named(space, type, align, vector);
            if (reader.Accept('='))
            {
                new InitializerParser(reader, variable).Parse();
            }
            list.Add(variable);
        } while (reader.Accept(','));
        reader.Expect(';');
        return list;
    }

    /// <summary>(.param ... name, .param ... name) of a function.</summary>
    public List<PtxVariable> Parameters()
    {
        var list = new List<PtxVariable>();
        reader.Expect('(');
        if (reader.Accept(')'))
        {
            return list;
        }
        do
        {
            if (reader.AcceptDotted("reg"))
            {
                throw new PtxException(reader.Line, "parameters in registers belong to old ABIs; .param is expected");
            }
            StateSpace space = Space();
            if (space != StateSpace.Param)
            {
                throw new PtxException(reader.Line, "a parameter is declared with .param");
            }
            int align = 0, vector = 1;
            PtxType type = TypeAndAlign(ref align, ref vector);
            // .ptr .space .align n says where a pointer leads and changes nothing here.
            int pointerAlign = 0, one = 1;
            if (reader.AcceptDotted("ptr"))
            {
                while (reader.Current is { Kind: TokenKind.Dotted, Text: "global" or "shared" or "local" or "const" })
                {
                    reader.Take();
                }
                AcceptAlign(ref pointerAlign, ref one);
            }
            list.Add(Named(space, type, align, vector));
        } while (reader.Accept(','));
        reader.Expect(')');
        return list;
    }

    private StateSpace Space() => reader.Take() switch
    {
        { Kind: TokenKind.Dotted, Text: "global" } => StateSpace.Global,
        { Kind: TokenKind.Dotted, Text: "const" } => StateSpace.Const,
        { Kind: TokenKind.Dotted, Text: "shared" or "shared::cta" } => StateSpace.Shared,
        { Kind: TokenKind.Dotted, Text: "local" } => StateSpace.Local,
        { Kind: TokenKind.Dotted, Text: "param" } => StateSpace.Param,
        { } other => throw new PtxException(other.Line, $"expected .global .const .shared .local or .param, found {other}"),
    };

    private PtxType TypeAndAlign(ref int align, ref int vector)
    {
        AcceptAlign(ref align, ref vector);
        Token token = reader.Take();
        if (token.Kind != TokenKind.Dotted || !PtxTypes.TryParse(token.Text, out PtxType type)
            || type is PtxType.B1 or PtxType.U4 or PtxType.S4)
        {
            throw new PtxException(token.Line, $"expected a type such as .b32, found {token}");
        }
        AcceptAlign(ref align, ref vector);
        return type;
    }

    private void AcceptAlign(ref int align, ref int vector)
    {
        while (reader.Current is { Kind: TokenKind.Dotted, Text: "align" or "v2" or "v4" or "attribute" } token)
        {
            reader.Take();
            switch (token.Text)
            {
                case "align":
                    align = reader.ExpectInteger("an alignment", 1, 1 << 16);
                    if (!int.IsPow2(align))
                    {
                        throw new PtxException(token.Line, $".align takes a power of two, not {align}");
                    }
                    break;
                case "attribute":
                    reader.Expect('(');
                    Token attribute = reader.Take();
                    if (attribute.Text != "managed")
                    {
                        throw new PtxException(attribute.Line, $"the attribute {attribute} is not known; .managed is");
                    }
                    reader.Expect(')');
                    break;
                default:
                    vector = token.Text[1] - '0';
                    break;
            }
        }
    }

    private PtxVariable Named(StateSpace space, PtxType type, int align, int vector)
    {
        int line = reader.Line;
        string name = reader.ExpectIdentifier("a name");
        var variable = new PtxVariable(name, space, type, line);
        long count = vector;
        while (reader.Accept('['))
        {
            if (reader.Accept(']'))
            {
                count = 0;
                continue;
            }
            long length = reader.ExpectInteger("the length of an array", 0, int.MaxValue);
            reader.Expect(']');
            count *= length;
            if (count * type.Bytes() > MostBytes)
            {
                throw new PtxException(line, $"{name} would be larger than {MostBytes} bytes");
            }
        }
        variable.Count = count;
        variable.Align = align > 0 ? align : type.Bytes() * vector;
        return variable;
    }
}
