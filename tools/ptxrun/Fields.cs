using System.Text.Json;

namespace FeatureTransform.PtxRun;

/// <summary>An object of a case file whose fields are known; what else it has is refused.</summary>
internal sealed class Fields
{
    private readonly JsonElement element;
    private readonly string place;

    /// <param name="element">The object.</param>
    /// <param name="place">Where it stands, as a message says it: args[2]; empty for the case itself.</param>
    /// <param name="known">The names that it can have.</param>
    public Fields(JsonElement element, string place, params string[] known)
    {
        (this.element, this.place) = (element, place);
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Refuse($"must be an object with {string.Join(", ", known)}");
        }
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (!known.Contains(property.Name))
            {
                throw Refuse($"has an unknown field \"{property.Name}\"; known are {string.Join(", ", known)}");
            }
        }
    }

    public bool Has(string name) => element.TryGetProperty(name, out _);

    /// <summary>The one of some fields of which exactly one must be there.</summary>
    public string OnlyOne(params string[] names) =>
        names.Where(Has).ToArray() is [string only] ? only : throw Refuse($"must have exactly one of {string.Join(", ", names)}");

    public JsonElement Get(string name) =>
        element.TryGetProperty(name, out JsonElement value) ? value : throw Refuse($"must have \"{name}\"");

    public string GetString(string name) =>
        Get(name) is { ValueKind: JsonValueKind.String } value && value.GetString() is { Length: > 0 } text
            ? text
            : throw Refuse("must be a text", name);

    /// <summary>An integer between 0 and a limit.</summary>
    public int GetInteger(string name, int most) =>
        Get(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out int number)
        && number >= 0 && number <= most
            ? number
            : throw Refuse($"must be an integer from 0 to {most}", name);

    /// <summary>The elements of an array; none where the field is missing.</summary>
    public IReadOnlyList<JsonElement> GetList(string name) =>
        !Has(name) ? []
        : Get(name) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()]
        : throw Refuse("must be an array", name);

    public BadInputException Refuse(string reason, string? name = null)
    {
        string where = string.Join('.', new[] { place, name }.Where(part => !string.IsNullOrEmpty(part)));
        return new BadInputException($"{(where.Length > 0 ? where : "the case")} {reason}");
    }
}
