using System.Numerics;
using System.Text.Json;

namespace FeatureTransform.PtxRun;

/// <summary>Values of parameters: from JSON to bytes.</summary>
internal static class Scalars
{
    /// <summary>Their names in a case.</summary>
    public static readonly string[] Types = ["u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64", "hex"];

    /// <summary>The bytes of a value; null where it is none of its type.</summary>
    public static byte[]? Bytes(string type, JsonElement value) => type switch
    {
        "u8" => Integer<byte>(value),
        "i8" => Integer<sbyte>(value),
        "u16" => Integer<ushort>(value),
        "i16" => Integer<short>(value),
        "u32" => Integer<uint>(value),
        "i32" => Integer<int>(value),
        "u64" => Integer<ulong>(value),
        "i64" => Integer<long>(value),
        "f32" => Real(value) is { } real ? BitConverter.GetBytes((float)real) : null,
        "f64" => Real(value) is { } real ? BitConverter.GetBytes(real) : null,
        _ => Hex(value),
    };

    /// <summary>What a value of a type must be, for a message.</summary>
    public static string Expected(string type) => type switch
    {
        "hex" => "must be a text of hexadecimal digits, two a byte",
        "f32" or "f64" => "must be a number, or \"NaN\", \"Infinity\" or \"-Infinity\"",
        _ => $"must be an integer of {type[1..]} bits{(type[0] == 'u' ? " without a sign" : "")}",
    };

    private static byte[]? Integer<T>(JsonElement value)
        where T : unmanaged, IBinaryInteger<T>
    {
        if (value.ValueKind != JsonValueKind.Number || !T.TryParse(value.GetRawText(), null, out T number))
        {
            return null;
        }
        byte[] bytes = new byte[number.GetByteCount()];
        number.WriteLittleEndian(bytes);
        return bytes;
    }

    private static double? Real(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : value.ValueKind != JsonValueKind.String ? null
        : value.GetString() switch
        {
            "NaN" => double.NaN,
            "Infinity" => double.PositiveInfinity,
            "-Infinity" => double.NegativeInfinity,
            _ => null,
        };

    private static byte[]? Hex(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? Convert.FromHexString(value.GetString()!) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
