using System.Globalization;

namespace FeatureTransform.Cuda.Emulator.Ptx;

internal enum TokenKind
{
    End,
    Identifier, // add, %r1, $L__BB0_1
    Dotted, // .rn, .shared::cta: a modifier or a directive, the dot left out of Text
    Integer,
    Float32, // 0f3F800000, the bits in Value
    Float64, // 0d3FF0000000000000 or a decimal fraction, the bits in Value
    Text, // "quoted"
    Mark, // one character of punctuation
}

internal readonly record struct Token(TokenKind Kind, string Text, ulong Value, int Line)
{
    public bool Is(char mark) => Kind == TokenKind.Mark && Text[0] == mark;

    public override string ToString() => Kind switch
    {
        TokenKind.End => "the end of the text",
        TokenKind.Dotted => $"'.{Text}'",
        _ => $"'{Text}'",
    };
}

/// <summary>Cuts a PTX text into tokens; comments and blanks disappear here.</summary>
internal sealed class PtxLexer(string text)
{
    private int position;
    private int line = 1;

    public static List<Token> Tokenize(string text)
    {
        var lexer = new PtxLexer(text);
        var tokens = new List<Token>(text.Length / 4);
        Token token;
        do
        {
            tokens.Add(token = lexer.Next());
        } while (token.Kind != TokenKind.End);
        return tokens;
    }

    private Token Next()
    {
        SkipBlanks();
        if (position >= text.Length)
        {
            return new Token(TokenKind.End, "", 0, line);
        }
        int start = position;
        char c = text[position];
        if (c is '%' or '$' || IsWord(c) && !char.IsAsciiDigit(c))
        {
            position++;
            while (position < text.Length && (IsWord(text[position]) || text[position] is '$' or '%'))
            {
                position++;
            }
            return new Token(TokenKind.Identifier, text[start..position], 0, line);
        }
        if (c == '.' && position + 1 < text.Length && IsWord(text[position + 1]))
        {
            return Dotted();
        }
        if (char.IsAsciiDigit(c))
        {
            return Number();
        }
        if (c == '"')
        {
            int end = text.AsSpan(position + 1).IndexOfAny('"', '\n');
            if (end < 0 || text[position + 1 + end] != '"')
            {
                throw new PtxException(line, "a quoted text does not end on its line");
            }
            position += end + 2;
            return new Token(TokenKind.Text, text[(start + 1)..(position - 1)], 0, line);
        }
        if (",;:{}[]()<>=+-@!|*".Contains(c))
        {
            position++;
            return new Token(TokenKind.Mark, text[start..position], 0, line);
        }
        throw new PtxException(line, $"the character U+{(int)c:X4} has no meaning here");
    }

    private Token Dotted()
    {
        int start = ++position;
        while (position < text.Length)
        {
            if (IsWord(text[position]))
            {
                position++;
            }
            else if (text.AsSpan(position).StartsWith("::") && position + 2 < text.Length && IsWord(text[position + 2]))
            {
                position += 2;
            }
            else
            {
                break;
            }
        }
        return new Token(TokenKind.Dotted, text[start..position], 0, line);
    }

    private Token Number()
    {
        int start = position;
        while (position < text.Length && IsWord(text[position]))
        {
            position++;
        }
        // A decimal fraction; its exponent may carry a sign.
        if (position + 1 < text.Length && text[position] == '.' && char.IsAsciiDigit(text[position + 1]))
        {
            position++;
            while (position < text.Length && (IsWord(text[position]) || text[position] is '+' or '-'
                && text[position - 1] is 'e' or 'E'))
            {
                position++;
            }
            string fraction = text[start..position];
            if (!double.TryParse(fraction, NumberStyles.Float, CultureInfo.InvariantCulture, out double real))
            {
                throw new PtxException(line, $"'{fraction}' is no number");
            }
            return new Token(TokenKind.Float64, fraction, BitConverter.DoubleToUInt64Bits(real), line);
        }
        string word = text[start..position];
        ReadOnlySpan<char> digits = word;
        if (digits.Length == 10 && digits[0] == '0' && digits[1] is 'f' or 'F' && TryHex(digits[2..], out ulong single))
        {
            return new Token(TokenKind.Float32, word, single, line);
        }
        if (digits.Length == 18 && digits[0] == '0' && digits[1] is 'd' or 'D' && TryHex(digits[2..], out ulong wide))
        {
            return new Token(TokenKind.Float64, word, wide, line);
        }
        digits = digits.TrimEnd('U');
        bool known = digits.Length switch
        {
            > 2 when digits[0] == '0' && digits[1] is 'x' or 'X' => TryHex(digits[2..], out single),
            > 2 when digits[0] == '0' && digits[1] is 'b' or 'B' => TryRadix(digits[2..], 2, out single),
            > 1 when digits[0] == '0' => TryRadix(digits[1..], 8, out single),
            _ => ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out single),
        };
        return known ? new Token(TokenKind.Integer, word, single, line) : throw new PtxException(line, $"'{word}' is no number");
    }

    private static bool TryHex(ReadOnlySpan<char> digits, out ulong value) =>
        ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private static bool TryRadix(ReadOnlySpan<char> digits, uint radix, out ulong value)
    {
        value = 0;
        foreach (char digit in digits)
        {
            uint d = (uint)(digit - '0');
            if (d >= radix || value > (ulong.MaxValue - d) / radix)
            {
                return false;
            }
            value = value * radix + d;
        }
        return true;
    }

    private void SkipBlanks()
    {
        while (position < text.Length)
        {
            char c = text[position];
            if (c == '\n')
            {
                line++;
                position++;
            }
            else if (c is ' ' or '\t' or '\r' or '\0' or '\f')
            {
                position++;
            }
            else if (c == '/' && position + 1 < text.Length && text[position + 1] == '/')
            {
                int end = text.IndexOf('\n', position);
                position = end < 0 ? text.Length : end;
            }
            else if (c == '/' && position + 1 < text.Length && text[position + 1] == '*')
            {
                int end = text.IndexOf("*/", position + 2, StringComparison.Ordinal);
                if (end < 0)
                {
                    throw new PtxException(line, "a comment does not end");
                }
                line += text.AsSpan(position, end - position).Count('\n');
                position = end + 2;
            }
            else
            {
                return;
            }
        }
    }

    private static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';
}
