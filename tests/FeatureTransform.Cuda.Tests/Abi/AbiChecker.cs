using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Tests.Abi;

/// <summary>
/// Compares declarations with what libraries export: each function-pointer field of a table, each struct, each enum. Answers with
/// sentences about what differs.
/// </summary>
internal sealed class AbiChecker(IReadOnlyList<AbiFile> files, IReadOnlyDictionary<string, string> oldOnPurpose)
{
    private static readonly Dictionary<Type, string> Kinds = new()
    {
        [typeof(byte)] = "u8",
        [typeof(sbyte)] = "i8",
        [typeof(short)] = "i16",
        [typeof(ushort)] = "u16",
        [typeof(int)] = "i32",
        [typeof(uint)] = "u32",
        [typeof(long)] = "i64",
        [typeof(ulong)] = "u64",
        [typeof(nuint)] = "u64",
        [typeof(float)] = "f32",
        [typeof(double)] = "f64",
        [typeof(void)] = "void",
        [typeof(nint)] = "handle",
    };

    public static IEnumerable<FieldInfo> Functions(Type table) =>
        table.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static)
            .Where(field => field.FieldType.IsFunctionPointer);

    public IEnumerable<string> CheckTable(Type table)
    {
        string? library =
            files.FirstOrDefault(file => Functions(table).Any(field => file.Functions.ContainsKey(field.Name)))?.Library;
        if (library is null)
        {
            yield return $"{table.Name}: no library exports any of its functions";
        }
        HashSet<string>? exporters = null;
        foreach (FieldInfo field in Functions(table))
        {
            bool optional = field.IsDefined(typeof(OptionalSymbolAttribute));
            if (!field.FieldType.IsUnmanagedFunctionPointer)
            {
                yield return $"{field.Name}: managed function pointer";
            }
            AbiFile[] known = [.. files.Where(file => file.Library == library && file.Functions.ContainsKey(field.Name))];
            if (known.Length == 0 || (!optional && known.Length < files.Count(file => file.Library == library)))
            {
                string versions = known.Length == 0 ? "no version" : string.Join(", ", (object[])known) + " only";
                yield return $"{field.Name}: exported by {versions}";
            }
            foreach (AbiFile file in known)
            {
                AbiFunction function = file.Functions[field.Name];
                foreach (string problem in CheckFunction(field, function))
                {
                    yield return $"{field.Name} ({file}): {problem}";
                }
                if (function.In is not null)
                {
                    exporters ??= [.. function.In.Select(Unversioned)];
                    exporters.IntersectWith(function.In.Select(Unversioned));
                }
            }
        }
        if (exporters?.Count == 0)
        {
            yield return $"{table.Name}: its functions are not all of one library";
        }
    }

    public IEnumerable<string> CheckStruct(Type type)
    {
        AbiFile[] known = [.. files.Where(file => file.Structs.ContainsKey(type.Name))];
        if (known.Length == 0)
        {
            yield return $"{type.Name}: no such struct";
        }
        foreach (AbiFile file in known)
        {
            AbiStruct expected = file.Structs[type.Name];
            if (SizeOf(type) != expected.Size)
            {
                yield return $"{type.Name} ({file}): {SizeOf(type)} bytes, not {expected.Size}";
            }
            FieldInfo[] fields = type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance);
            foreach (string missing in expected.Fields.Select(field => field.Name).Except(fields.Select(field => field.Name)))
            {
                yield return $"{type.Name} ({file}): lacks {missing}";
            }
            foreach (FieldInfo field in fields)
            {
                int offset = (int)Marshal.OffsetOf(type, field.Name);
                AbiField? same = expected.Fields.FirstOrDefault(candidate => candidate.Name == field.Name);
                if (same is null || (offset, SizeOf(field.FieldType)) != (same.Offset, same.Size)
                    || !FieldMatches(field.FieldType, same.Kind))
                {
                    yield return $"{type.Name}.{field.Name} ({file}): {field.FieldType} at {offset}, not {same}";
                }
            }
        }
    }

    public IEnumerable<string> CheckEnum(Type type)
    {
        AbiFile[] known = [.. files.Where(file => file.Enums.ContainsKey(type.Name))];
        if (known.Length == 0)
        {
            yield return $"{type.Name}: no such enum";
        }
        if (SizeOf(type.GetEnumUnderlyingType()) != 4)
        {
            yield return $"{type.Name}: not of 4 bytes";
        }
        foreach (string member in Enum.GetNames(type))
        {
            long value = Convert.ToInt64(Enum.Parse(type, member));
            long[] values = [.. known.Select(file => file.Enums[type.Name])
                .Where(members => members.ContainsKey(member))
                .Select(members => members[member])];
            if (values.Length == 0 || values.Any(other => other != value))
            {
                string truth = values.Length == 0 ? "no such member" : "it is " + string.Join(" or ", values);
                yield return $"{type.Name}.{member} = {value}: {truth}";
            }
        }
    }

    /// <summary>The structs and enums that a table's functions take, whatever their declarations say.</summary>
    public static IEnumerable<Type> TypesOf(Type table) => Functions(table)
        .SelectMany(Signature)
        .Select(Pointee)
        .Where(type => type.IsValueType && !Kinds.ContainsKey(type));

    private IEnumerable<string> CheckFunction(FieldInfo field, AbiFunction function)
    {
        if ((function.Superseded || function.Deprecated) && !oldOnPurpose.ContainsKey(field.Name))
        {
            yield return "superseded or deprecated";
        }
        if (function.Variadic)
        {
            yield return "variadic";
        }
        Type[] signature = [.. Signature(field)];
        if (signature.Length != function.Params.Length + 1)
        {
            yield return $"{signature.Length - 1} parameters, not {function.Params.Length}";
            yield break;
        }
        foreach ((Type type, AbiValue value) in signature.Zip(function.Params.Append(function.Returns)))
        {
            if (!Matches(type, value))
            {
                yield return $"{value.Name ?? "return value"} is {type}, not {value.CType} ({value.Kind} {value.To})";
            }
        }
    }

    private bool Matches(Type type, AbiValue value) => value.Kind switch
    {
        "ptr" when value.Depth == 0 => type == typeof(nint),
        "ptr" => type.IsPointer && PointsTo(type.GetElementType()!, value),
        _ => IsKind(type, value.Kind) && SizeOf(type) == value.Size,
    };

    private bool PointsTo(Type type, AbiValue value) => value.To switch
    {
        "ptr" when value.Depth == 1 => type == typeof(nint),
        "ptr" => type.IsPointer,
        null => IsKind(type, "struct:" + value.CType.Split('[')[0]), // an array of structs
        _ => IsKind(type, value.To),
    };

    private bool IsKind(Type type, string kind)
    {
        if (kind == "fnptr")
        {
            return type.IsUnmanagedFunctionPointer;
        }
        if (kind.StartsWith("enum:", StringComparison.Ordinal))
        {
            return type.IsEnum && type.Name == kind[5..];
        }
        if (kind.StartsWith("struct:", StringComparison.Ordinal))
        {
            // One struct may have several names.
            return files.Any(file => file.Structs.TryGetValue(kind[7..], out AbiStruct? expected)
                && file.Structs.TryGetValue(type.Name, out AbiStruct? declared) && expected == declared);
        }
        string? own = Kinds.GetValueOrDefault(type);
        return own == kind || (own == "u8" && kind == "i8");
    }

    private bool FieldMatches(Type type, string kind) => kind switch
    {
        "ptr" => type.IsPointer,
        "array" => type.IsValueType,
        _ => IsKind(type, kind),
    };

    private static IEnumerable<Type> Signature(FieldInfo field) =>
        field.FieldType.GetFunctionPointerParameterTypes().Append(field.FieldType.GetFunctionPointerReturnType());

    private static Type Pointee(Type type) => type.IsPointer ? Pointee(type.GetElementType()!) : type;

    private static string Unversioned(string library) => library.Split(".so")[0];

    private static int SizeOf(Type type) => type == typeof(void) ? 0
        : type.IsPointer || type.IsFunctionPointer ? IntPtr.Size
        : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;
}
