namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads a PTX text into a module; the parts inside functions are read by <see cref="BodyParser"/>.</summary>
internal sealed class PtxParser
{
    private const string TopLevel = ".version .target .address_size .file .section .pragma .alias .extern .visible .weak .common "
        + ".entry .func .global .const .shared";

    private readonly TokenReader reader;
    private readonly PtxModule module = new();
    private readonly VariableParser variables;

    private PtxParser(string text)
    {
        reader = new TokenReader(PtxLexer.Tokenize(text));
        variables = new VariableParser(reader);
    }

    /// <summary>Parses a whole text; throws <see cref="PtxException"/> at the first thing it does not know.</summary>
    public static PtxModule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parser = new PtxParser(text);
        while (parser.reader.Current.Kind != TokenKind.End)
        {
            parser.Directive();
        }
        if (parser.module.Version.Length == 0)
        {
            throw new PtxException(1, "a PTX text begins with .version");
        }
        return parser.module;
    }

    private void Directive()
    {
        Token token = reader.Current;
        if (token.Kind != TokenKind.Dotted)
        {
            throw reader.Unexpected($"a directive ({TopLevel})");
        }
        switch (token.Text)
        {
            case "version":
                reader.Take();
                module.Version = reader.Take().Text;
                break;
            case "target":
                reader.Take();
                module.Target = reader.ExpectIdentifier("a target such as sm_80");
                while (reader.Accept(','))
                {
                    reader.ExpectIdentifier("a target option");
                }
                break;
            case "address_size":
                reader.Take();
                if (reader.ExpectInteger("the address size", 0, int.MaxValue) != 64)
                {
                    throw new PtxException(token.Line, "only .address_size 64 is emulated");
                }
                break;
            case "file":
                reader.Take();
                int number = reader.ExpectInteger("a file number", 0, int.MaxValue);
                module.Files[number] = reader.Current.Kind == TokenKind.Text ? reader.Take().Text
                    : throw reader.Unexpected("a file name");
                while (reader.Accept(','))
                {
                    reader.ExpectInteger("a time stamp or size");
                }
                break;
            case "section":
                reader.Take();
                SectionParser.Parse(reader, module);
                break;
            case "pragma":
                reader.Take();
                _ = reader.Current.Kind == TokenKind.Text ? reader.Take() : throw reader.Unexpected("a quoted pragma");
                reader.Expect(';');
                break;
            case "alias":
                Alias();
                break;
            default:
                Linked();
                break;
        }
    }

    private void Alias()
    {
        int line = reader.Take().Line;
        string name = reader.ExpectIdentifier("the name of the alias");
        reader.Expect(',');
        string target = reader.ExpectIdentifier("the function behind the alias");
        reader.Expect(';');
        module.Functions[name] = module.Functions.TryGetValue(target, out PtxFunction? function)
            ? function
            : throw new PtxException(line, $"the alias {name} stands for {target}, which is not declared");
    }

    private void Linked()
    {
        bool isExtern = false;
        while (reader.Current is { Kind: TokenKind.Dotted, Text: "extern" or "visible" or "weak" or "common" } linkage)
        {
            isExtern |= linkage.Text == "extern";
            reader.Take();
        }
        Token token = reader.Current;
        switch (token)
        {
            case { Kind: TokenKind.Dotted, Text: "entry" or "func" }:
                reader.Take();
                Function(token.Text == "entry", token.Line);
                break;
            case { Kind: TokenKind.Dotted, Text: "global" or "const" or "shared" }:
                foreach (PtxVariable variable in variables.Declaration())
                {
                    variable.IsExtern = isExtern;
                    // A definition after an extern declaration takes its place.
                    if (module.Variables.TryGetValue(variable.Name, out PtxVariable? earlier) && !earlier.IsExtern && !isExtern)
                    {
                        throw new PtxException(variable.Line, $"{variable.Name} is already defined in line {earlier.Line}");
                    }
                    if (earlier is null || !isExtern)
                    {
                        module.Variables[variable.Name] = variable;
                    }
                }
                break;
            case { Kind: TokenKind.Dotted, Text: "texref" or "samplerref" or "surfref" or "tex" }:
                throw new PtxException(token.Line, $".{token.Text}: textures and surfaces are not emulated");
            default:
                throw reader.Unexpected($"a directive ({TopLevel})");
        }
    }

    private void Function(bool isEntry, int line)
    {
        reader.AcceptDotted("noreturn");
        List<PtxVariable> returns = [];
        if (!isEntry && reader.Current.Is('('))
        {
            returns = variables.Parameters();
        }
        string name = reader.ExpectIdentifier("the name of the function");
        var function = new PtxFunction(name, isEntry, line);
        function.Returns.AddRange(returns);
        if (reader.Current.Is('('))
        {
            function.Parameters.AddRange(variables.Parameters());
        }
        Tuning(function);
        if (reader.Accept(';'))
        {
            module.Functions.TryAdd(name, function);
            return;
        }
        if (module.Functions.TryGetValue(name, out PtxFunction? earlier) && earlier.HasBody)
        {
            throw new PtxException(line, $"{name} is already defined in line {earlier.Line}");
        }
        module.Functions[name] = function;
        function.HasBody = true;
        new BodyParser(reader, module, function, variables).Parse();
    }

    private void Tuning(PtxFunction function)
    {
        while (reader.Current.Kind == TokenKind.Dotted)
        {
            Token token = reader.Take();
            switch (token.Text)
            {
                case "maxntid" or "reqntid":
                    function.MaxThreads = Triple();
                    function.RequiresThreads = token.Text == "reqntid";
                    break;
                case "reqnctapercluster":
                    function.RequiredCluster = Triple();
                    break;
                case "minnctapersm" or "maxnctapersm" or "maxnreg" or "maxclusterrank":
                    reader.ExpectInteger($"a number after .{token.Text}", 0, int.MaxValue);
                    break;
                case "explicitcluster" or "noreturn" or "blocksareclusters":
                    break;
                case "pragma":
                    _ = reader.Current.Kind == TokenKind.Text ? reader.Take() : throw reader.Unexpected("a quoted pragma");
                    reader.Expect(';');
                    break;
                default:
                    throw new PtxException(token.Line, $"a function does not take .{token.Text}; it takes .maxntid .reqntid "
                        + ".minnctapersm .maxnctapersm .maxnreg .explicitcluster .reqnctapercluster .maxclusterrank "
                        + ".noreturn .pragma");
            }
        }
    }

    private (int X, int Y, int Z) Triple()
    {
        int x = reader.ExpectInteger("a count", 1, int.MaxValue), y = 1, z = 1;
        if (reader.Accept(','))
        {
            y = reader.ExpectInteger("a count", 1, int.MaxValue);
            if (reader.Accept(','))
            {
                z = reader.ExpectInteger("a count", 1, int.MaxValue);
            }
        }
        return (x, y, z);
    }
}
