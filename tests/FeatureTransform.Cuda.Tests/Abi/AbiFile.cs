using System.Text.Json;

namespace FeatureTransform.Cuda.Tests.Abi;

/// <summary>What one version of a library exports, as generated from its header: see README.md beside the files.</summary>
internal sealed record AbiFile(
    string Library,
    string Version,
    Dictionary<string, Dictionary<string, long>> Enums,
    Dictionary<string, AbiStruct> Structs,
    Dictionary<string, AbiFunction> Functions)
{
    public static AbiFile Read(string path) => Parse(File.ReadAllText(path));

    public static AbiFile Parse(string json)
    {
        using var document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        HashSet<string> absent = root.GetProperty("declared_but_not_exported").Deserialize<HashSet<string>>()!;
        var structs = new Dictionary<string, AbiStruct>();
        foreach (JsonProperty entry in root.GetProperty("structs").EnumerateObject())
        {
            AbiStruct description = Read<AbiStruct>(entry.Value);
            foreach (string name in (IEnumerable<string>)[entry.Name, .. description.Also ?? []])
            {
                structs[name] = description;
            }
        }
        return new AbiFile(
            root.GetProperty("library").GetString()!,
            root.GetProperty("version").GetString()!,
            root.GetProperty("enums").Deserialize<Dictionary<string, Dictionary<string, long>>>()!,
            structs,
            root.GetProperty("functions").EnumerateArray().Select(Read<AbiFunction>)
                .Where(function => !absent.Contains(function.Name))
                .ToDictionary(function => function.Name));
    }

    public override string ToString() => $"{Library} {Version}";

    private static T Read<T>(JsonElement element) => element.Deserialize<T>(Options)!;

    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
}

internal sealed record AbiFunction(
    string Name, bool Superseded, bool Deprecated, bool Variadic, string[]? In, AbiValue Returns, AbiValue[] Params);

/// <summary>A parameter or a returned value; To is the kind of what a pointer points to.</summary>
internal sealed record AbiValue(string? Name, string CType, string Kind, int Size, string? To)
{
    /// <summary>How many pointers its C type shows: 0 for a handle, whose type hides them.</summary>
    public int Depth => CType.Count(c => c is '*' or '[');
}

internal sealed record AbiStruct(int Size, string[]? Also, AbiField[] Fields);

internal sealed record AbiField(string Name, int Offset, int Size, string Kind);
