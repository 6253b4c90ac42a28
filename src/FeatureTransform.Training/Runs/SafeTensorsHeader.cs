using System.Text.Json;
using System.Text.Unicode;

namespace FeatureTransform.Training.Runs;

/// <summary>A tensor as a header describes it.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes, outermost first.</param>
/// <param name="Begin">First byte, counted from the end of the header.</param>
/// <param name="End">Byte after the last.</param>
internal sealed record SafeTensorInfo(string Name, SafeTensorType Type, int[] Shape, long Begin, long End)
{
    public long ByteCount => End - Begin;

    public string ShapeText => $"[{string.Join(", ", Shape)}]";
}

/// <summary>The header of a safetensors file, every number in it checked before use.</summary>
internal sealed class SafeTensorsHeader
{
    public const string MetadataKey = "__metadata__";

    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false, MaxDepth = 8 };
    private readonly Dictionary<string, SafeTensorInfo> tensors = [];
    private readonly Dictionary<string, string> metadata = [];

    private SafeTensorsHeader()
    {
    }

    public IReadOnlyDictionary<string, SafeTensorInfo> Tensors => tensors;

    public IReadOnlyDictionary<string, string> Metadata => metadata;

    /// <summary>Reads the JSON of a header before <paramref name="dataLength"/> bytes of data.</summary>
    /// <exception cref="FormatException">What is wrong with it, and what was expected.</exception>
    public static SafeTensorsHeader Parse(ReadOnlyMemory<byte> json, long dataLength)
    {
        if (json.Length == 0 || json.Span[0] != '{' || !Utf8.IsValid(json.Span))
        {
            throw new FormatException("its header is no JSON object in UTF-8");
        }

        var header = new SafeTensorsHeader();
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, StrictJson);
            foreach (JsonProperty entry in document.RootElement.EnumerateObject())
            {
                if (entry.Name == MetadataKey)
                {
                    header.AddMetadata(entry.Value);
                }
                else
                {
                    header.tensors.Add(entry.Name, Tensor(entry.Name, entry.Value));
                }
            }
        }
        catch (JsonException error)
        {
            throw new FormatException($"its header is no valid JSON, or names something twice ({error.Message.TrimEnd('.')})", error);
        }

        header.CheckOffsets(dataLength);
        return header;
    }

    private void AddMetadata(JsonElement value)
    {
        Expect(value.ValueKind == JsonValueKind.Object, $"{MetadataKey} is no object of texts");
        foreach (JsonProperty entry in value.EnumerateObject())
        {
            Expect(entry.Value.ValueKind == JsonValueKind.String, $"{MetadataKey} entry '{entry.Name}' is no text");
            metadata.Add(entry.Name, entry.Value.GetString()!);
        }
    }

    private static SafeTensorInfo Tensor(string name, JsonElement value)
    {
        JsonElement type = Field(name, value, "dtype"), shape = Field(name, value, "shape"), offsets = Field(name, value, "data_offsets");
        Expect(
            type.ValueKind == JsonValueKind.String && Enum.GetNames<SafeTensorType>().Contains(type.GetString()),
            $"tensor '{name}' has type {type.GetRawText()}: expected one of {string.Join(", ", Enum.GetNames<SafeTensorType>())}");
        Expect(
            shape.ValueKind == JsonValueKind.Array && shape.EnumerateArray().All(IsSize),
            $"tensor '{name}' has shape {shape.GetRawText()}: expected a list of sizes from 0 to {int.MaxValue}");
        Expect(
            offsets.ValueKind == JsonValueKind.Array && offsets.GetArrayLength() == 2 && offsets.EnumerateArray().All(IsOffset),
            $"tensor '{name}' has data_offsets {offsets.GetRawText()}: expected [begin, end]");
        var info = new SafeTensorInfo(
            name, Enum.Parse<SafeTensorType>(type.GetString()!), [.. shape.EnumerateArray().Select(size => size.GetInt32())],
            offsets[0].GetInt64(), offsets[1].GetInt64());
        Int128 bytes = SafeTensor.SizeOf(info.Type);
        foreach (int size in info.Shape)
        {
            bytes *= size;
            Expect(bytes <= long.MaxValue, $"tensor '{name}' has an impossible shape, {info.ShapeText}");
        }

        Expect(
            (Int128)info.End - info.Begin == bytes,
            $"tensor '{name}' takes bytes {info.Begin} to {info.End}, but {info.Type} of shape {info.ShapeText} has {bytes} bytes");
        return info;
    }

    private static JsonElement Field(string tensor, JsonElement value, string field)
    {
        JsonElement found = default;
        Expect(
            value.ValueKind == JsonValueKind.Object && value.TryGetProperty(field, out found), $"tensor '{tensor}' lacks its {field}");
        return found;
    }

    // The data must be covered without holes and without overlap, as the format demands.
    private void CheckOffsets(long dataLength)
    {
        long end = 0;
        foreach (SafeTensorInfo tensor in tensors.Values.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            Expect(tensor.Begin >= end, $"tensor '{tensor.Name}' overlaps the one before it (byte {tensor.Begin}, expected {end})");
            Expect(tensor.Begin == end, $"there is a hole of {tensor.Begin - end} bytes before tensor '{tensor.Name}'");
            Expect(
                tensor.End <= dataLength,
                $"tensor '{tensor.Name}' ends at byte {tensor.End}, past the end of the data ({dataLength} bytes): the file is cut short");
            end = tensor.End;
        }

        Expect(end == dataLength, $"its tensors take {end} bytes, but {dataLength} bytes of data follow the header");
    }

    private static bool IsSize(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int size) && size >= 0;

    private static bool IsOffset(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long offset) && offset >= 0;

    private static void Expect(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new FormatException(otherwise);
        }
    }
}
