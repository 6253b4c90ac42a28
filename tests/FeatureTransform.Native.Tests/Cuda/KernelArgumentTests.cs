using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// What kernels and launchers must agree on. A struct below a comment "Mirrored by X in C#" is laid out here by the rules of CUDA
/// C++ and compared with X field by field; a constant "#define NAME 128 // Class.Name" is compared with that constant.
/// </summary>
public sealed partial class KernelArgumentTests
{
    private static readonly Dictionary<string, Type> Mirrors = typeof(KernelSet).Assembly.GetTypes()
        .Where(type => type.Namespace == typeof(KernelSet).Namespace && type is { IsValueType: true, IsEnum: false, IsNested: false })
        .ToDictionary(type => type.Name);

    private static readonly Dictionary<string, string> Declared = KernelFiles.Texts.Values
        .SelectMany(text => MirroredStruct().Matches(text))
        .ToDictionary(match => match.Groups["name"].Value, match => match.Groups["body"].Value);

    public static TheoryData<string> Structs => [.. Declared.Keys.Union(Mirrors.Keys).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Structs))]
    public void Struct_has_the_same_fields_at_the_same_places(string name)
    {
        Assert.True(Mirrors.TryGetValue(name, out Type? mirror), $"{name} of the kernels has no mirror in C#");
        Assert.True(Declared.ContainsKey(name), $"no kernel declares {name} with the comment that it is mirrored");
        (List<(string Name, Type Type, int Offset)> fields, int size, _) = Layout(name);
        FieldInfo[] actual = mirror.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        Assert.Equal(
            fields.Select(field => $"{field.Name} {field.Type.Name} at {field.Offset}"),
            actual.Select(field => $"{field.Name} {field.FieldType.Name} at {Marshal.OffsetOf(mirror, field.Name)}"));
        Assert.Equal(size, Marshal.SizeOf(mirror));
    }

    [Fact]
    public void Constants_are_those_of_the_launchers()
    {
        var different = new List<string>();
        int count = 0;
        foreach ((string file, string text) in KernelFiles.Texts)
        {
            foreach (Match match in SharedConstant().Matches(text))
            {
                string type = match.Groups["type"].Value, name = match.Groups["name"].Value;
                object? value = typeof(KernelSet).Assembly.GetType($"{typeof(KernelSet).Namespace}.{type}")
                    ?.GetField(name, BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)?.GetRawConstantValue();
                if (value is not int constant || constant != int.Parse(match.Groups["value"].Value, CultureInfo.InvariantCulture))
                {
                    different.Add($"{file}: {match.Value} but {type}.{name} is {value ?? "not there"}");
                }

                count++;
            }
        }

        Assert.Empty(different);
        Assert.True(count > 10, $"only {count} constants were found");
    }

    /// <summary>Every launcher's kernels exist in its file.</summary>
    [Fact]
    public void Every_kernel_takes_one_struct_that_is_mirrored()
    {
        string[] parameters = [.. KernelFiles.Texts.Values.SelectMany(text => Kernel().Matches(text)).Select(match => match.Groups["type"].Value)];
        Assert.True(parameters.Length > 10, $"only {parameters.Length} kernels were found");
        Assert.All(parameters, type => Assert.Contains(type, Declared.Keys));
    }

    private static (List<(string Name, Type Type, int Offset)> Fields, int Size, int Alignment) Layout(string name)
    {
        var fields = new List<(string, Type, int)>();
        int offset = 0, alignment = 1;
        string body = Comment().Replace(Declared[name], "");
        foreach (Match match in Field().Matches(body))
        {
            string type = match.Groups["type"].Value;
            foreach (string declarator in match.Groups["names"].Value.Split(','))
            {
                bool pointer = declarator.Contains('*', StringComparison.Ordinal);
                (Type mirror, int size, int align) = pointer ? (typeof(ulong), 8, 8) : TypeOf(type);
                offset = (offset + align - 1) / align * align;
                fields.Add((Pascal(declarator.Trim('*', ' ')), mirror, offset));
                offset += size;
                alignment = Math.Max(alignment, align);
            }
        }

        return (fields, (offset + alignment - 1) / alignment * alignment, alignment);
    }

    private static (Type Mirror, int Size, int Alignment) TypeOf(string type)
    {
        switch (type)
        {
            case "u64":
                return (typeof(ulong), 8, 8);
            case "u32":
                return (typeof(uint), 4, 4);
            case "i32":
                return (typeof(int), 4, 4);
            case "float":
                return (typeof(float), 4, 4);
            default:
                (_, int size, int alignment) = Layout(type);
                return (Mirrors[type], size, alignment);
        }
    }

    private static string Pascal(string name) =>
        string.Concat(name.Split('_').Select(part => char.ToUpperInvariant(part[0]) + part[1..]));

    [GeneratedRegex(@"irrored by (?<name>\w+) in C#[^\n]*\n(?://[^\n]*\n)*struct \k<name>\n\{\n(?<body>.*?)\n\};", RegexOptions.Singleline)]
    private static partial Regex MirroredStruct();

    [GeneratedRegex(@"//[^\n]*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?:const )?(?<type>\w+)(?<names>[\s*]+\w+(?:\s*,[\s*]*\w+)*)\s*;")]
    private static partial Regex Field();

    [GeneratedRegex(@"^#define \w+ (?<value>\d+) *// (?:[^\n]*; )?(?<type>[A-Z]\w+)\.(?<name>\w+)$", RegexOptions.Multiline)]
    private static partial Regex SharedConstant();

    [GeneratedRegex(@"__global__ void __launch_bounds__\([^)]*\)\s+\w+\(const (?<type>\w+) args\)")]
    private static partial Regex Kernel();
}
