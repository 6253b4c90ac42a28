namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Walks over tokens and refuses what does not fit, with its line.</summary>
internal sealed class TokenReader(List<Token> tokens)
{
    private int position;

    public Token Current => tokens[position];

    public int Line => Current.Line;

    public Token Peek(int ahead = 1) => tokens[Math.Min(position + ahead, tokens.Count - 1)];

    public Token Take()
    {
        Token token = tokens[position];
        if (token.Kind != TokenKind.End)
        {
            position++;
        }
        return token;
    }

    public bool Accept(char mark)
    {
        if (!Current.Is(mark))
        {
            return false;
        }
        position++;
        return true;
    }

    public bool AcceptDotted(string name)
    {
        if (Current.Kind != TokenKind.Dotted || Current.Text != name)
        {
            return false;
        }
        position++;
        return true;
    }

    public void Expect(char mark)
    {
        if (!Accept(mark))
        {
            throw Unexpected($"'{mark}'");
        }
    }

    public string ExpectIdentifier(string what) =>
        Current.Kind == TokenKind.Identifier ? Take().Text : throw Unexpected(what);

    public long ExpectInteger(string what)
    {
        bool negative = Accept('-');
        if (Current.Kind != TokenKind.Integer)
        {
            throw Unexpected(what);
        }
        long value = (long)Take().Value;
        return negative ? -value : value;
    }

    /// <summary>An integer within bounds, such as an alignment or a count.</summary>
    public int ExpectInteger(string what, long least, long most)
    {
        int line = Line;
        long value = ExpectInteger(what);
        return value >= least && value <= most
            ? (int)value
            : throw new PtxException(line, $"{what} must lie in {least}..{most}, not {value}");
    }

    public PtxException Unexpected(string expected) => new(Line, $"expected {expected}, found {Current}");
}
