using System.Buffers.Binary;
using System.Text;
using FeatureTransform.Benchmarks.Static;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>What a cubin says of its kernels, on a file that is built here.</summary>
public sealed class CubinTests
{
    [Fact]
    public void The_threads_of_each_kernel_are_read_among_its_other_attributes()
    {
        byte[] value = [3, 0x1b, 0xff, 0x00], sized = [4, 0x2f, 8, 0, 1, 0, 0, 0, 4, 5, 12, 0];
        var cubin = new Cubin(Elf(
            (".nv.info", [4, 5, 12, 0, 9, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0]),
            (".nv.info.first", [.. value, .. sized, 4, 5, 12, 0, 0, 1, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, .. value]),
            (".text.first", [4, 5, 12, 0]),
            (".nv.info.second", value),
            (".nv.info.third", [4, 5, 12, 0, 33, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0])));
        Assert.Equal((512, 33), (cubin.Threads("first"), cubin.Threads("third")));
        Assert.Throws<InvalidOperationException>(() => cubin.Threads("second"));
        Assert.Throws<InvalidOperationException>(() => cubin.Threads("fourth"));
    }

    [Fact]
    public void The_code_of_a_kernel_is_found_by_its_name()
    {
        var cubin = new Cubin(Elf((".nv.info.a", [7]), (".text.ab", [1, 2, 3]), (".text.a", [9])));
        Assert.Equal([9], cubin.CodeOf("a").ToArray());
        Assert.Equal([1, 2, 3], cubin.CodeOf("ab").ToArray());
        Assert.Throws<InvalidOperationException>(() => cubin.CodeOf("b"));
    }

    // Header of 64 bytes, contents, names, and section headers of 64 bytes: none, the sections, the names.
    private static byte[] Elf(params (string Name, byte[] Content)[] sections)
    {
        var body = new List<byte>(new byte[64]);
        var names = new List<byte> { 0 };
        var headers = new List<byte>(new byte[64]);
        foreach ((string name, byte[] content) in sections)
        {
            Add(name, content);
        }

        byte[] last = [.. names, .. Encoding.ASCII.GetBytes(".shstrtab\0")];
        Add(".shstrtab", last);
        byte[] file = [.. body, .. headers];
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(0x28), (ulong)body.Count);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x3a), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x3c), (ushort)(sections.Length + 2));
        BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(0x3e), (ushort)(sections.Length + 1));
        return file;

        void Add(string name, byte[] content)
        {
            byte[] header = new byte[64];
            BinaryPrimitives.WriteInt32LittleEndian(header, names.Count);
            BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(0x18), (ulong)body.Count);
            BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(0x20), (ulong)content.Length);
            headers.AddRange(header);
            names.AddRange(Encoding.ASCII.GetBytes(name + "\0"));
            body.AddRange(content);
        }
    }
}
