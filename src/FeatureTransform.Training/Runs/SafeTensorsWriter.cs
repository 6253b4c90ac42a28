using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FeatureTransform.Training.Runs;

/// <summary>
/// Writes the safetensors format: header length (64 bits), JSON header, data without gaps. Metadata come first and begin with
/// a checksum over the whole file (<see cref="SafeTensorsChecksum"/>), which other readers see as one more text.
/// </summary>
internal static class SafeTensorsWriter
{
    private const int Alignment = 8;
    private static readonly JsonWriterOptions HeaderOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes a file atomically.</summary>
    /// <exception cref="InvalidInputException">The file cannot be written; a previous one is as it was.</exception>
    public static void Write(string path, IEnumerable<KeyValuePair<string, string>> metadata, IEnumerable<SafeTensor> tensors) =>
        AtomicFile.Write(path, file => Write(file, metadata, tensors));

    private static void Write(
        FileStream file, IEnumerable<KeyValuePair<string, string>> metadata, IEnumerable<SafeTensor> tensors)
    {
        // Large elements first, so that each tensor is aligned to its own.
        SafeTensor[] ordered = [.. tensors.OrderByDescending(tensor => SafeTensor.SizeOf(tensor.Type))];
        byte[] header = Header(metadata, ordered);
        Span<byte> length = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        file.Write(length);
        file.Write(header);
        foreach (SafeTensor tensor in ordered)
        {
            long begin = file.Position;
            tensor.Write(file);
            if (file.Position - begin != tensor.ByteCount)
            {
                throw new ArgumentException(
                    $"Tensor '{tensor.Name}' has {tensor.ByteCount} bytes by its shape; {file.Position - begin} were written.",
                    nameof(tensors));
            }
        }

        byte[] checksum = SafeTensorsChecksum.Compute(file);
        file.Position = SafeTensorsChecksum.Offset;
        file.Write(checksum);
    }

    private static byte[] Header(IEnumerable<KeyValuePair<string, string>> metadata, SafeTensor[] tensors)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, HeaderOptions))
        {
            json.WriteStartObject();
            json.WriteStartObject(SafeTensorsHeader.MetadataKey);
            json.WriteString(SafeTensorsChecksum.Key, new string('0', SafeTensorsChecksum.Length));
            foreach ((string key, string value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long begin = 0;
            foreach (SafeTensor tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                WriteArray(json, "shape", tensor.Shape.Select(size => (long)size));
                WriteArray(json, "data_offsets", [begin, begin + tensor.ByteCount]);
                json.WriteEndObject();
                begin += tensor.ByteCount;
            }

            json.WriteEndObject();
        }

        buffer.Write(Encoding.UTF8.GetBytes(new string(' ', (Alignment - (buffer.WrittenCount % Alignment)) % Alignment)));
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteArray(Utf8JsonWriter json, string name, IEnumerable<long> values)
    {
        json.WriteStartArray(name);
        foreach (long value in values)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
    }
}
