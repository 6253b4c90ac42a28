namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads one operand and resolves its names.</summary>
internal sealed class OperandParser(TokenReader reader, BodyParser body)
{
    public PtxOperand Parse()
    {
        Token token = reader.Current;
        int line = token.Line;
        if (token.Is('{'))
        {
            return new PtxOperand(OperandKind.Vector, line) { Items = Items('{', '}') };
        }
        if (token.Is('('))
        {
            return new PtxOperand(OperandKind.List, line) { Items = Items('(', ')') };
        }
        if (token.Is('['))
        {
            return Address();
        }
        if (reader.Accept('!'))
        {
            PtxOperand inner = Named(line, reader.ExpectIdentifier("a predicate"));
            return inner.Kind == OperandKind.Register && inner.Register!.Type == PtxType.Pred
                ? new PtxOperand(OperandKind.Register, line) { Register = inner.Register, IsNegated = true }
                : throw new PtxException(line, "'!' stands before a predicate only");
        }
        if (token.Kind != TokenKind.Identifier)
        {
            return Number();
        }
        reader.Take();
        PtxOperand operand = Named(line, token.Text);
        if (reader.Accept('|'))
        {
            int second = reader.Line;
            return new PtxOperand(OperandKind.Pair,
                line)
            { Items = [operand, Named(second, reader.ExpectIdentifier("a register"))] };
        }
        return operand;
    }

    private List<PtxOperand> Items(char open, char close)
    {
        reader.Expect(open);
        var items = new List<PtxOperand>();
        if (reader.Accept(close))
        {
            return items;
        }
        do
        {
            Token token = reader.Current;
            if (token.Is('{') || token.Is('('))
            {
                throw reader.Unexpected("a register or a number");
            }
            items.Add(Parse());
        } while (reader.Accept(','));
        reader.Expect(close);
        return items;
    }

    private PtxOperand Number()
    {
        int line = reader.Line;
        bool negative = reader.Accept('-');
        Token token = reader.Take();
        return token.Kind switch
        {
            TokenKind.Integer => new PtxOperand(OperandKind.Integer, line)
            {
                Value = negative ? (ulong)-(long)token.Value
                : token.Value
            },
            TokenKind.Float32 => new PtxOperand(OperandKind.Float32, line) { Value = token.Value ^ (negative ? 1ul << 31 : 0) },
            TokenKind.Float64 => new PtxOperand(OperandKind.Float64, line) { Value = token.Value ^ (negative ? 1ul << 63 : 0) },
            _ => throw new PtxException(line, $"expected an operand, found {token}"),
        };
    }

    /// <summary>
    /// [register], [register + n], [symbol + n], [n], or [tensor, {coordinates}] which is refused with its opcode.
    /// </summary>
    private PtxOperand Address()
    {
        int line = reader.Line;
        reader.Expect('[');
        PtxOperand inner = Parse();
        if (inner.Kind is not (OperandKind.Register or OperandKind.Symbol or OperandKind.Integer or OperandKind.Label))
        {
            throw new PtxException(line, $"{inner} is no base of an address");
        }
        long offset = 0;
        while (reader.Current.Is('+') || reader.Current.Is('-'))
        {
            bool minus = reader.Take().Is('-');
            long value = reader.ExpectInteger("an offset");
            offset += minus ? -value : value;
        }
        reader.Expect(']');
        return new PtxOperand(OperandKind.Address, line) { Items = [inner], Value = (ulong)offset };
    }

    private PtxOperand Named(int line, string name)
    {
        if (name == "_")
        {
            return new PtxOperand(OperandKind.Sink, line) { Name = name };
        }
        if (body.FindRegister(name) is { } register)
        {
            if (reader.Current.Kind == TokenKind.Dotted)
            {
                throw reader.Unexpected("',' (registers have no components)");
            }
            return new PtxOperand(OperandKind.Register, line) { Register = register, Name = name };
        }
        if (name[0] == '%')
        {
            return Special(line, name);
        }
        if (name == "WARP_SZ")
        {
            return new PtxOperand(OperandKind.Integer, line) { Value = 32 };
        }
        if (body.FindVariable(name) is { } variable)
        {
            long offset = 0;
            // mov.u64 %rd1, symbol+4;
            while (reader.Current.Is('+') && reader.Peek().Kind == TokenKind.Integer)
            {
                reader.Take();
                offset += reader.ExpectInteger("an offset");
            }
            return new PtxOperand(OperandKind.Symbol, line) { Name = name, Variable = variable, Value = (ulong)offset };
        }
        if (body.IsFunction(name))
        {
            return new PtxOperand(OperandKind.Symbol, line) { Name = name };
        }
        var label = new PtxOperand(OperandKind.Label, line) { Name = name };
        body.Defer(label);
        return label;
    }

    private PtxOperand Special(int line, string name)
    {
        if (SpecialRegisters.IsVector(name))
        {
            Token component = reader.Take();
            name = component is { Kind: TokenKind.Dotted, Text: "x" or "y" or "z" }
                ? $"{name}.{component.Text}"
                : throw new PtxException(line, $"{name} needs .x .y or .z behind it");
        }
        return SpecialRegisters.TryParse(name, out SpecialRegister special)
            ? new PtxOperand(OperandKind.Special, line) { Special = special, Name = name }
            : throw new PtxException(line,
                $"{name} is no declared register and no special register; those are {SpecialRegisters.Known}");
    }
}
