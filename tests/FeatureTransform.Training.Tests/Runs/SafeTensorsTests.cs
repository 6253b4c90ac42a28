using System.Buffers.Binary;
using System.Text;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_type_and_shape_reads_back_to_the_same_bits()
    {
        SafeTensorsWriter.Write(folder["all"], new Dictionary<string, string> { ["quote \" and\nline"] = "ü \\ \"{}\" 日本" },
        [
            SafeTensor.Of("bytes", new byte[] { 1, 2, 255 }, 3),
            SafeTensor.Of("scalar", new[] { 0.5f }),
            SafeTensor.Of("empty", Array.Empty<float>(), 0, 7),
            SafeTensor.Of("f32", new[] { float.NaN, float.NegativeInfinity, -0f, 1e-45f, 3.5f, 2f }, 2, 3),
            SafeTensor.Of("f64", new[] { double.Epsilon, Math.PI }, 2, 1),
            SafeTensor.Of("i32", new[] { int.MinValue, 7 }, 2),
            SafeTensor.Of("i64", new[] { long.MinValue, 1L << 40 }, 2),
            SafeTensor.Of("bf16", new ushort[] { 0x3f80, 0xc040, 0x7fc0 }, 3),
        ]);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["all"]);
        Assert.True(file.HasChecksum);
        Assert.Equal("ü \\ \"{}\" 日本", file.Metadata["quote \" and\nline"]);
        Assert.Equal(8, file.Tensors.Count);
        Assert.Equal([1, 2, 255], file.ReadBytes("bytes", SafeTensorType.U8, 3));
        Assert.Equal([0.5f], file.ReadFloats("scalar"));
        Assert.Empty(file.ReadFloats("empty", 0, 7));
        Assert.Equal(
            new uint[] { BitConverter.SingleToUInt32Bits(float.NaN), 0xff800000, 0x80000000, 1, 0x40600000, 0x40000000 },
            file.ReadFloats("f32", 2, 3).Select(BitConverter.SingleToUInt32Bits));
        byte[] f64 = file.ReadBytes("f64", SafeTensorType.F64, 2, 1);
        Assert.Equal(1, BinaryPrimitives.ReadInt64LittleEndian(f64));
        Assert.Equal(Math.PI, BinaryPrimitives.ReadDoubleLittleEndian(f64.AsSpan(8)));
        Assert.Equal(int.MinValue, BinaryPrimitives.ReadInt32LittleEndian(file.ReadBytes("i32", SafeTensorType.I32, 2)));
        Assert.Equal(1L << 40, BinaryPrimitives.ReadInt64LittleEndian(file.ReadBytes("i64", SafeTensorType.I64, 2).AsSpan(8)));
        Assert.Equal([1f, -3f, float.NaN], file.ReadFloats("bf16", 3));
    }

    [Fact]
    public void Each_tensor_is_aligned_to_its_elements()
    {
        SafeTensorsWriter.Write(
            folder["aligned"], [],
            [SafeTensor.Of("a", new byte[] { 1 }, 1), SafeTensor.Of("b", new[] { 1f }, 1), SafeTensor.Of("c", new[] { 1.0 }, 1)]);
        byte[] bytes = File.ReadAllBytes(folder["aligned"]);
        Assert.Equal(0, BinaryPrimitives.ReadInt64LittleEndian(bytes) % 8);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["aligned"]);
        Assert.Equal([0L, 8L, 12L], new[] { "c", "b", "a" }.Select(name => file.Tensors[name].Begin));
    }

    [Fact]
    public void A_file_of_another_program_reads()
    {
        // One F32 tensor of shape [2] with 1 and 2, a header padded with spaces, and no metadata.
        Foreign("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   """, [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["foreign"]);
        Assert.False(file.HasChecksum);
        Assert.Empty(file.Metadata);
        Assert.Equal([1f, 2f], file.ReadFloats("x", 2));
    }

    [Theory]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}}""", 12, "'x'", "8 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "'x'", "8 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "'x'", "cut short")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "9 bytes of data follow", "")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "hole of 4 bytes", "'x'")]
    [InlineData("""{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}""", 6, "'y' overlaps", "")]
    [InlineData("""{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"x":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "twice", "x")]
    [InlineData("""{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"\u0078":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}""", 8, "twice", "x")]
    [InlineData("""{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}""", 8, "'x'", "expected one of F64, I64, F32, I32, BF16, U8")]
    [InlineData("""{"x":{"dtype":"2","shape":[2],"data_offsets":[0,8]}}""", 8, "'x'", "expected one of")]
    [InlineData("""{"x":{"dtype":7,"shape":[2],"data_offsets":[0,8]}}""", 8, "'x'", "expected one of")]
    [InlineData("""{"x":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}}""", 2, "'x'", "[-2]")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1.5],"data_offsets":[0,2]}}""", 2, "'x'", "[1.5]")]
    [InlineData("""{"x":{"dtype":"U8","shape":2,"data_offsets":[0,2]}}""", 2, "'x'", "list of sizes")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2,4]}}""", 2, "'x'", "[begin, end]")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[-1,1]}}""", 2, "'x'", "[begin, end]")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,99999999999999999999]}}""", 2, "'x'", "[begin, end]")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,4]}}""", 4, "'x'", "impossible")]
    [InlineData("""{"x":{"dtype":"U8","shape":[2]}}""", 2, "'x'", "data_offsets")]
    [InlineData("""{"x":[]}""", 0, "'x'", "dtype")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "'a'", "text")]
    [InlineData("""{"__metadata__":[]}""", 0, "__metadata__", "object")]
    [InlineData("""[1]""", 0, "JSON object", "")]
    [InlineData("""{"x":""", 0, "JSON", "")]
    [InlineData("""{} x""", 0, "JSON", "")]
    [InlineData("", 0, "JSON object", "")]
    public void A_malformed_header_is_refused_in_one_line_that_names_file_and_fault(string json, int dataLength, string first, string second)
    {
        Foreign(json, new byte[dataLength]);
        Refused(folder["foreign"], first, second);
    }

    [Fact]
    public void Text_that_is_no_UTF8_is_refused()
    {
        byte[] json = Encoding.UTF8.GetBytes("""{"__metadata__":{"a":"b"}}""");
        json[^4] = 0xff;
        WriteRaw(json.Length, json, []);
        Refused(folder["foreign"], "UTF-8");
    }

    [Theory]
    [InlineData(100_000_001L)]
    [InlineData(long.MaxValue)]
    [InlineData(-1L)]
    [InlineData(3L)]
    public void A_header_longer_than_the_file_is_refused(long length)
    {
        WriteRaw(length, "{}"u8.ToArray(), []);
        Refused(folder["foreign"], "header", "2 follow");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_too_short_for_a_length_is_refused(int bytes)
    {
        File.WriteAllBytes(folder["foreign"], new byte[bytes]);
        Refused(folder["foreign"], $"{bytes} bytes");
    }

    [Fact]
    public void A_name_with_a_line_break_leaves_the_message_one_line()
    {
        Foreign("""{"a\nb":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}}""", new byte[1]);
        Refused(folder["foreign"], "'a b'");
    }

    [Fact]
    public void What_is_not_there_is_refused()
    {
        Refused(folder["nothing"], "no such file");
        Refused(folder.Path, "folder");
    }

    [Fact]
    public void A_tensor_of_another_type_or_shape_is_refused()
    {
        SafeTensorsWriter.Write(folder["t"], [], [SafeTensor.Of("x", new[] { 1, 2, 3 }, 3), SafeTensor.Of("y", new[] { 1f, 2f }, 1, 2)]);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["t"]);
        Assert.Contains("'x' is I32 of shape [3]: expected F32 or BF16 or F64", Message(() => file.ReadFloats("x", 3)), StringComparison.Ordinal);
        Assert.Contains("of shape [1, 2]: expected", Message(() => file.ReadFloats("y", 2, 1)), StringComparison.Ordinal);
        Assert.Contains("'z' is missing: expected", Message(() => file.ReadFloats("z", 2)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_byte_anywhere_is_refused_and_every_truncation_too()
    {
        SafeTensorsWriter.Write(
            folder["good"], new Dictionary<string, string> { ["k"] = "v" }, [SafeTensor.Of("x", new[] { 1f, 2f }, 2)]);
        byte[] good = File.ReadAllBytes(folder["good"]);
        for (int i = 0; i < good.Length; i++)
        {
            byte[] bad = [.. good];
            bad[i] ^= 1;
            File.WriteAllBytes(folder["bad"], bad);
            bool key = i is >= 8 and < 40;
            try
            {
                using SafeTensorsFile file = SafeTensorsFile.Open(folder["bad"]);
                // A change within the name of the checksum makes it a file that has none.
                Assert.True(key && !file.HasChecksum, $"byte {i} changed unseen");
            }
            catch (InvalidInputException)
            {
            }

            File.WriteAllBytes(folder["bad"], good[..i]);
            Assert.Throws<InvalidInputException>(() => SafeTensorsFile.Open(folder["bad"]));
        }
    }

    [Fact]
    public void A_tensor_that_writes_another_number_of_bytes_leaves_no_file()
    {
        Assert.Throws<ArgumentException>(() => SafeTensorsWriter.Write(folder["short"], [], [SafeTensor.Of("x", new[] { 1f }, 2)]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    private static string Message(Action action) => Assert.Throws<InvalidInputException>(action).Message;

    private static void Refused(string path, params string[] expected)
    {
        string message = Message(() => SafeTensorsFile.Open(path).Dispose());
        Assert.DoesNotContain('\n', message);
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.All(expected, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    private void Foreign(string json, byte[] data)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        WriteRaw(header.Length, header, data);
    }

    private void WriteRaw(long length, byte[] header, byte[] data)
    {
        var bytes = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, length);
        header.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + header.Length);
        File.WriteAllBytes(folder["foreign"], bytes);
    }
}
