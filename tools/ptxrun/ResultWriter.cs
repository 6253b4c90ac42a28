using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.PtxRun;

/// <summary>Results as JSON.</summary>
internal static class ResultWriter
{
    // A writer takes no text longer than some 160 million characters at once.
    private const int SegmentBytes = 1 << 20;

    public static readonly JsonWriterOptions Options = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Write(Utf8JsonWriter json, CaseResult result)
    {
        json.WriteStartObject();
        json.WriteString("status", result.Error is null ? "ok" : "error");
        json.WriteString("error", result.Error);
        json.WriteStartObject("buffers");
        foreach ((string name, byte[] content) in result.Buffers)
        {
            json.WritePropertyName(name);
            WriteHex(json, content);
        }
        json.WriteEndObject();
        json.WriteStartArray("findings");
        foreach (Finding finding in result.Findings)
        {
            Write(json, finding);
        }
        json.WriteEndArray();
        WriteCounters(json, result);
        json.WriteEndObject();
        json.Flush();
    }

    private static void WriteCounters(Utf8JsonWriter json, CaseResult result)
    {
        json.WriteStartObject("counters");
        if (result.Counters is { } total)
        {
            WriteFields(json, total);
            json.WriteStartArray("lines");
            foreach (KernelCounters line in result.LineCounters)
            {
                json.WriteStartObject();
                json.WriteString("file", line.File);
                json.WriteNumber("line", line.Line);
                WriteFields(json, line);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndObject();
    }

    private static void WriteFields(Utf8JsonWriter json, KernelCounters counters)
    {
        JsonElement fields = JsonSerializer.SerializeToElement(counters, CounterJson.Default.KernelCounters);
        foreach (JsonProperty field in fields.EnumerateObject().Where(field => field.Name is not ("file" or "line")))
        {
            field.WriteTo(json);
        }
    }

    private static void Write(Utf8JsonWriter json, Finding finding)
    {
        json.WriteStartObject();
        json.WriteString("check", CheckNames.Of(finding.Check));
        json.WriteString("kind", finding.Kind);
        json.WriteString("kernel", finding.Kernel);
        json.WriteString("file", finding.File);
        json.WriteNumber("line", finding.Line);
        json.WriteNumber("ptxLine", finding.PtxLine);
        Write(json, "block", finding.Block);
        Write(json, "thread", finding.Thread);
        json.WriteString("address", "0x" + finding.Address.ToString("x", CultureInfo.InvariantCulture));
        json.WriteString(
            "message", finding.Message + string.Concat(finding.InlinedFrom.Select(place => $"; inlined from {place}")));
        json.WriteNumber("count", finding.Count);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, Dim3 place)
    {
        json.WritePropertyName(name);
        json.WriteRawValue($"[{place.X}, {place.Y}, {place.Z}]");
    }

    private static void WriteHex(Utf8JsonWriter json, byte[] content)
    {
        int at = 0;
        do
        {
            int bytes = Math.Min(SegmentBytes, content.Length - at);
            string text = Convert.ToHexStringLower(content, at, bytes);
            json.WriteStringValueSegment(text, isFinalSegment: at + bytes == content.Length);
            at += bytes;
        }
        while (at < content.Length);
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(KernelCounters))]
internal sealed partial class CounterJson : JsonSerializerContext;
