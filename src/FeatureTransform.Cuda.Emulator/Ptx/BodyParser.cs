namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads the body of a function: declarations, labels and instructions, in nested scopes.</summary>
internal sealed class BodyParser(TokenReader reader, PtxModule module, PtxFunction function, VariableParser variables)
{
    private const int MostScopes = 256;

    private readonly List<PendingLabel> pending = [];
    private Scope scope = new(null);
    private int depth;
    private int location;

    public void Parse()
    {
        foreach (PtxVariable parameter in function.Returns.Concat(function.Parameters))
        {
            scope.Variables[parameter.Name] = parameter;
        }
        reader.Expect('{');
        while (true)
        {
            if (reader.Current.Kind == TokenKind.End)
            {
                throw new PtxException(function.Line, $"the body of {function.Name} does not end");
            }
            if (reader.Accept('{'))
            {
                if (++depth > MostScopes)
                {
                    throw new PtxException(reader.Line, $"scopes are nested more than {MostScopes} deep");
                }
                scope = new Scope(scope);
            }
            else if (reader.Accept('}'))
            {
                if (scope.Parent is null)
                {
                    break;
                }
                depth--;
                scope = scope.Parent;
            }
            else
            {
                Statement();
            }
        }
        foreach (PendingLabel use in pending)
        {
            use.Operand.Label = use.Scope.FindLabel(use.Operand.Name)
                ?? throw new PtxException(use.Operand.Line,
                    $"'{use.Operand.Name}' is declared nowhere: no register, variable, function or label");
        }
    }

    private void Statement()
    {
        Token token = reader.Current;
        if (token.Kind == TokenKind.Dotted)
        {
            Directive(token);
        }
        else if (token.Kind == TokenKind.Identifier && reader.Peek().Is(':'))
        {
            Label();
        }
        else if (!reader.Accept(';'))
        {
            Instruction();
        }
    }

    private void Directive(Token token)
    {
        switch (token.Text)
        {
            case "reg":
                reader.Take();
                Registers();
                break;
            case "local" or "shared" or "param" or "const" or "global":
                foreach (PtxVariable variable in variables.Declaration())
                {
                    scope.Variables[variable.Name] = variable;
                    function.Variables.Add(variable);
                }
                break;
            case "loc":
                reader.Take();
                Location();
                break;
            case "pragma":
                reader.Take();
                _ = reader.Current.Kind == TokenKind.Text ? reader.Take() : throw reader.Unexpected("a quoted pragma");
                reader.Expect(';');
                break;
            default:
                throw new PtxException(token.Line,
                    $"a function body does not take .{token.Text}; it takes .reg .local .shared .param .loc .pragma, "
                    + $"labels and instructions");
        }
    }

    private void Registers()
    {
        Token token = reader.Take();
        if (token.Text is "v2" or "v4")
        {
            throw new PtxException(token.Line, "vector registers are not emulated; declare scalars and use {a, b}");
        }
        if (token.Kind != TokenKind.Dotted || !PtxTypes.TryParse(token.Text, out PtxType type) || type.Bits() is 4 or 8
            || type == PtxType.B1)
        {
            throw new PtxException(token.Line, $"expected the type of a register, found {token}");
        }
        do
        {
            string name = reader.ExpectIdentifier("the name of a register");
            if (reader.Accept('<'))
            {
                scope.Ranges[name] = (type, reader.ExpectInteger("a count of registers", 0, int.MaxValue));
                reader.Expect('>');
            }
            else
            {
                scope.Registers[name] = Declare(name, type);
            }
        } while (reader.Accept(','));
        reader.Expect(';');
    }

    private PtxRegister Declare(string name, PtxType type)
    {
        var register = new PtxRegister(name, type, function.Registers.Count);
        function.Registers.Add(register);
        return register;
    }

    private void Location()
    {
        int file = reader.ExpectInteger("a file number", 0, int.MaxValue);
        int line = reader.ExpectInteger("a line", 0, int.MaxValue), column = reader.ExpectInteger("a column", 0, int.MaxValue);
        string? label = null;
        int inlinedAt = -1;
        while (reader.Accept(','))
        {
            int at = reader.Line;
            string attribute = reader.ExpectIdentifier("function_name or inlined_at");
            if (attribute == "function_name")
            {
                label = reader.ExpectIdentifier("a label of .debug_str");
                if (reader.Accept('+'))
                {
                    reader.ExpectInteger("an offset");
                }
            }
            else if (attribute == "inlined_at")
            {
                int callerFile = reader.ExpectInteger("a file number", 0, int.MaxValue);
                int callerLine = reader.ExpectInteger("a line", 0, int.MaxValue);
                int callerColumn = reader.ExpectInteger("a column", 0, int.MaxValue);
                // The caller's own .loc came earlier, perhaps itself inlined.
                inlinedAt = module.Locations.FindLastIndex(l =>
                    (l.File, l.Line, l.Column) == (callerFile, callerLine, callerColumn));
                if (inlinedAt < 0)
                {
                    inlinedAt = module.Locations.Count;
                    module.Locations.Add(new PtxLocation(callerFile, callerLine, callerColumn, null, -1));
                }
            }
            else
            {
                throw new PtxException(at, $".loc takes function_name and inlined_at, not {attribute}");
            }
        }
        location = module.Locations.Count;
        module.Locations.Add(new PtxLocation(file, line, column, label, inlinedAt));
    }

    private void Label()
    {
        Token name = reader.Take();
        reader.Expect(':');
        var label = new PtxLabel(name.Text, name.Line) { Instruction = function.Body.Count };
        if (!scope.Labels.TryAdd(name.Text, label))
        {
            throw new PtxException(name.Line, $"the label {name.Text} is already set in line {scope.Labels[name.Text].Line}");
        }
        if (reader.AcceptDotted("callprototype"))
        {
            label.IsPrototype = true;
            if (reader.Current.Is('('))
            {
                variables.Parameters();
            }
            reader.ExpectIdentifier("_");
            if (reader.Current.Is('('))
            {
                variables.Parameters();
            }
            reader.AcceptDotted("noreturn");
            reader.Expect(';');
        }
        else if (reader.AcceptDotted("branchtargets") || reader.AcceptDotted("calltargets"))
        {
            label.Targets = [];
            do
            {
                label.Targets.Add(Operands().Parse());
            } while (reader.Accept(','));
            reader.Expect(';');
        }
    }

    private void Instruction()
    {
        PtxRegister? guard = null;
        bool negated = false;
        if (reader.Accept('@'))
        {
            negated = reader.Accept('!');
            int line = reader.Line;
            string name = reader.ExpectIdentifier("a predicate");
            guard = FindRegister(name);
            if (guard?.Type != PtxType.Pred)
            {
                throw new PtxException(line, $"'{name}' is no predicate register");
            }
        }
        Token opcode = reader.Current;
        reader.ExpectIdentifier("an instruction, a label or a directive");
        var dotted = new List<Token>();
        while (reader.Current.Kind == TokenKind.Dotted)
        {
            dotted.Add(reader.Take());
        }
        ReadOnlySpan<Token> names = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(dotted);
        OpcodeEntry entry = OpcodeTable.Find(opcode, names, out int used);
        var instruction = new PtxInstruction(entry, opcode.Line) { Guard = guard, GuardNegated = negated, Location = location };
        entry.Classify(instruction, names[used..]);
        if (!reader.Current.Is(';'))
        {
            OperandParser operands = Operands();
            do
            {
                instruction.Operands.Add(operands.Parse());
            } while (reader.Accept(','));
        }
        reader.Expect(';');
        entry.CheckOperands(instruction);
        function.Body.Add(instruction);
    }

    private OperandParser Operands() => new(reader, this);

    public void Defer(PtxOperand operand) => pending.Add(new PendingLabel(operand, scope));

    public PtxVariable? FindVariable(string name)
    {
        for (Scope? s = scope; s is not null; s = s.Parent)
        {
            if (s.Variables.TryGetValue(name, out PtxVariable? variable))
            {
                return variable;
            }
        }
        return module.Variables.GetValueOrDefault(name);
    }

    public bool IsFunction(string name) => module.Functions.ContainsKey(name);

    public PtxRegister? FindRegister(string name)
    {
        for (Scope? s = scope; s is not null; s = s.Parent)
        {
            if (s.Registers.TryGetValue(name, out PtxRegister? register))
            {
                return register;
            }
            int digits = name.Length;
            while (digits > 0 && char.IsAsciiDigit(name[digits - 1]))
            {
                digits--;
            }
            // %r<10> stands for %r0 .. %r9, made when one is named.
            if (digits < name.Length && s.Ranges.TryGetValue(name[..digits], out (PtxType Type, int Count) range)
                && int.TryParse(name.AsSpan(digits), out int index) && index < range.Count)
            {
                return s.Registers[name] = Declare(name, range.Type);
            }
        }
        return null;
    }

    private readonly record struct PendingLabel(PtxOperand Operand, Scope Scope);
}
