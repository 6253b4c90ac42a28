using System.Buffers.Binary;
using System.Text;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>What a cubin, a 64-bit ELF file, says beside its code.</summary>
internal sealed class Cubin
{
    private const string Code = ".text.", Attributes = ".nv.info.";
    private const byte FormatWithSize = 4, MaximumThreads = 5;

    private readonly List<(string Name, ReadOnlyMemory<byte> Content)> sections = [];

    /// <summary>Reads the file.</summary>
    public Cubin(ReadOnlyMemory<byte> image)
    {
        ReadOnlySpan<byte> file = image.Span;
        int first = Long(file[0x28..]), size = Short(file[0x3a..]), count = Short(file[0x3c..]), names = Short(file[0x3e..]);
        ReadOnlySpan<byte> strings = file[Long(file[(first + (names * size) + 0x18)..])..];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = file[(first + (i * size))..];
            ReadOnlySpan<byte> name = strings[Int(header)..];
            // A section of type NOBITS, shared memory, has a size but no bytes in the file.
            int start = Long(header[0x18..]), length = Math.Min(Long(header[0x20..]), file.Length - start);
            sections.Add((Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]), image.Slice(start, length)));
        }
    }

    /// <summary>The machine code of a kernel.</summary>
    /// <exception cref="InvalidOperationException">There is no such kernel.</exception>
    public ReadOnlyMemory<byte> CodeOf(string kernel) => sections.First(section => section.Name == Code + kernel).Content;

    /// <summary>The threads of a block that a kernel was compiled for (<c>__launch_bounds__</c>).</summary>
    /// <exception cref="InvalidOperationException">The kernel does not say.</exception>
    public int Threads(string kernel)
    {
        ReadOnlySpan<byte> rest = sections.Find(section => section.Name == Attributes + kernel).Content.Span;
        // Attributes of 4 bytes: format, number, and 16 bits that are a value or the size of what follows.
        while (rest.Length >= 4)
        {
            int size = rest[0] == FormatWithSize ? Short(rest[2..]) : 0;
            if (rest[0] == FormatWithSize && rest[1] == MaximumThreads)
            {
                return Int(rest[4..]) * Int(rest[8..]) * Int(rest[12..]);
            }

            rest = rest[(4 + size)..];
        }

        throw new InvalidOperationException($"{kernel} has no launch bounds.");
    }

    private static int Short(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static int Int(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32LittleEndian(bytes);

    private static int Long(ReadOnlySpan<byte> bytes) => checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes));
}
