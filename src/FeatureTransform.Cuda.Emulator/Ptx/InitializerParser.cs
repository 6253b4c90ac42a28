using System.Buffers.Binary;

namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>Reads the initial value of a variable: numbers, nested braces, and addresses of symbols.</summary>
internal sealed class InitializerParser(TokenReader reader, PtxVariable variable)
{
    private readonly List<byte> bytes = [];

    public void Parse()
    {
        int line = reader.Line;
        int depth = 0;
        do
        {
            while (reader.Accept('{'))
            {
                depth++;
            }
            if (!reader.Current.Is('}'))
            {
                Item();
            }
            while (depth > 0 && reader.Accept('}'))
            {
                depth--;
            }
        } while (depth > 0 && reader.Accept(','));
        if (depth > 0)
        {
            throw reader.Unexpected("'}' or ','");
        }
        if (variable.Count == 0)
        {
            variable.Count = bytes.Count / variable.Type.Bytes();
        }
        if (bytes.Count > variable.Size)
        {
            throw new PtxException(line, $"{variable.Name} has {variable.Size} bytes, its initial value {bytes.Count}");
        }
        variable.Initial = [.. bytes];
    }

    private void Item()
    {
        int size = variable.Type.Bytes();
        Token token = reader.Current;
        if (token.Kind == TokenKind.Identifier)
        {
            Symbol(size);
            return;
        }
        bool negative = reader.Accept('-');
        token = reader.Take();
        ulong value = token.Kind switch
        {
            TokenKind.Integer => negative ? (ulong)-(long)token.Value : token.Value,
            TokenKind.Float32 when variable.Type is PtxType.F32 or PtxType.B32 => token.Value ^ (negative ? 1ul << 31 : 0),
            TokenKind.Float64 when variable.Type is PtxType.F64 or PtxType.B64 => token.Value ^ (negative ? 1ul << 63 : 0),
            TokenKind.Float64 when variable.Type == PtxType.F32 =>
                BitConverter.SingleToUInt32Bits((float)BitConverter.UInt64BitsToDouble(token.Value)) ^ (negative ? 1u << 31 : 0),
            _ => throw new PtxException(token.Line, $"expected a value of type .{variable.Type.Name()}, found {token}"),
        };
        Append(value, size);
    }

    private void Symbol(int size)
    {
        int line = reader.Line;
        string name = reader.Take().Text;
        if (name == "generic")
        {
            reader.Expect('(');
            name = reader.ExpectIdentifier("a symbol");
            reader.Expect(')');
        }
        else if (name == "mask")
        {
            throw new PtxException(line, "mask() in an initial value is not emulated");
        }
        long addend = reader.Accept('+') ? reader.ExpectInteger("an offset") : 0;
        if (size != 8)
        {
            throw new PtxException(line, $"an address needs 8 bytes, {variable.Name} has elements of {size}");
        }
        variable.Relocations.Add(new PtxRelocation(bytes.Count, size, name, addend, line));
        Append(0, size);
    }

    private void Append(ulong value, int size)
    {
        Span<byte> buffer = stackalloc byte[16];
        buffer.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(buffer, value);
        bytes.AddRange(buffer[..size]);
    }
}
