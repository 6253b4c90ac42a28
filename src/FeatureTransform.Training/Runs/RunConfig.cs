using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>The options of a run as JSON: what <c>config.json</c> holds and <c>--config</c> reads.</summary>
public static class RunConfig
{
    /// <summary>Name of the file in a run folder.</summary>
    public const string FileName = "config.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NewLine = "\n",
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
    };

    // What may differ between a run and its continuation: none of these changes a number that the run computes with.
    private static readonly HashSet<string> FreeOnResume =
        ["run.device", "run.cudaDevice", "run.cudaGraph", "run.threads", "run.keepCheckpoints", "run.keepEveryEpochs", "run.checkpointEverySteps"];

    /// <summary>The options as indented JSON, keys in camel case.</summary>
    public static string Serialize(PretrainOptions options) => JsonSerializer.Serialize(options, Json);

    /// <summary>Writes <c>config.json</c> atomically.</summary>
    /// <exception cref="InvalidInputException">It cannot be written.</exception>
    public static void Write(string path, PretrainOptions options) => AtomicFile.WriteText(path, Serialize(options) + "\n");

    /// <summary>Reads a config file; what it does not name has its default.</summary>
    /// <exception cref="InvalidInputException">It cannot be read, or <see cref="Parse"/> refuses it.</exception>
    public static PretrainOptions Read(string path)
    {
        try
        {
            return Parse(File.ReadAllText(path), path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {FileErrors.Describe(error)}.", error);
        }
    }

    /// <summary>Reads options from JSON; <paramref name="source"/> names it in messages.</summary>
    /// <exception cref="InvalidInputException">No JSON, an unknown key, or a value of the wrong type.</exception>
    public static PretrainOptions Parse(string json, string source)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            Check(document.RootElement, Json.GetTypeInfo(typeof(PretrainOptions)), "", source);
            return document.RootElement.Deserialize<PretrainOptions>(Json)!;
        }
        catch (JsonException error)
        {
            throw new InvalidInputException($"'{source}' is no valid JSON: {FileErrors.Describe(error)}.", error);
        }
    }

    /// <summary>The options that differ though a resumed run must not change them, "optimizer.batchSize: checkpoint 128, given 256".</summary>
    public static IReadOnlyList<string> Contradictions(PretrainOptions checkpoint, PretrainOptions given)
    {
        var found = new List<string>();
        Compare(JsonSerializer.SerializeToNode(checkpoint, Json)!, JsonSerializer.SerializeToNode(given, Json)!, "", found);
        return found;
    }

    /// <summary>Refuses to resume with options that contradict the checkpoint.</summary>
    /// <exception cref="InvalidInputException">Which options differ.</exception>
    public static void RequireSame(PretrainOptions checkpoint, PretrainOptions given)
    {
        IReadOnlyList<string> differing = Contradictions(checkpoint, given);
        if (differing.Count > 0)
        {
            throw new InvalidInputException(
                $"The run cannot be resumed with other options ({string.Join("; ", differing)}): leave them out, or start a new run.");
        }
    }

    private static void Compare(JsonNode checkpoint, JsonNode given, string prefix, List<string> found)
    {
        foreach ((string name, JsonNode? before) in checkpoint.AsObject())
        {
            (string path, JsonNode? now) = (prefix + name, given[name]);
            if (before is JsonObject)
            {
                Compare(before, now!, path + ".", found);
            }
            else if (!FreeOnResume.Contains(path) && !JsonNode.DeepEquals(before, now))
            {
                found.Add($"{path}: checkpoint {Text(before)}, given {Text(now)}");
            }
        }
    }

    private static string Text(JsonNode? node) => node?.ToString() ?? "none";

    // Walks over what is there, so that each message can name the key and what is expected of it.
    private static void Check(JsonElement element, JsonTypeInfo type, string path, string source)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidInputException(
                $"'{source}': {(path.Length == 0 ? "the file" : $"'{path}'")} must be an object in braces, not {element.ValueKind.ToString().ToLowerInvariant()}.");
        }

        foreach (JsonProperty entry in element.EnumerateObject())
        {
            string name = path.Length == 0 ? entry.Name : $"{path}.{entry.Name}";
            JsonPropertyInfo property = type.Properties.FirstOrDefault(known => known.Name == entry.Name)
                ?? throw new InvalidInputException(
                    $"'{source}': unknown key '{name}'. {Nearest(entry.Name, type.Properties.Select(known => known.Name))}");
            JsonTypeInfo value = Json.GetTypeInfo(property.PropertyType);
            if (value.Kind == JsonTypeInfoKind.Object)
            {
                Check(entry.Value, value, name, source);
            }
            else if (!Fits(entry.Value, property))
            {
                throw new InvalidInputException(
                    $"'{source}': '{name}' is {entry.Value.GetRawText().ReplaceLineEndings(" ")}: expected {Expected(property.PropertyType)}.");
            }
        }
    }

    private static bool Fits(JsonElement value, JsonPropertyInfo property)
    {
        try
        {
            return value.ValueKind == JsonValueKind.Null ? property.IsSetNullable : value.Deserialize(property.PropertyType, Json) is not null;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string Expected(Type type) =>
        type.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.KebabCaseLower.ConvertName))
        : type == typeof(bool) ? "true or false"
        : type == typeof(string) ? "a text in quotes"
        : type == typeof(float) ? "a number"
        : "a whole number within its range";

    private static string Nearest(string unknown, IEnumerable<string> known)
    {
        string[] ordered = [.. known.OrderBy(name => Distance(unknown, name))];
        return Distance(unknown, ordered[0]) <= Math.Max(2, unknown.Length / 3)
            ? $"Did you mean '{ordered[0]}'?"
            : $"Known keys here: {string.Join(", ", ordered)}.";
    }

    // Levenshtein's edit distance, without regard to case.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                (diagonal, row[j]) = (row[j], Math.Min(substitution, Math.Min(row[j], row[j - 1]) + 1));
            }
        }

        return row[b.Length];
    }
}
