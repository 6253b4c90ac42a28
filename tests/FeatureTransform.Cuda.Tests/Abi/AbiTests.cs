using System.Reflection;
using Xunit;

namespace FeatureTransform.Cuda.Tests.Abi;

/// <summary>Every declaration of a native function, struct and enum agrees with the libraries, in each version known.</summary>
public sealed class AbiTests
{
    /// <summary>Old entry points that are bound on purpose, and why.</summary>
    private static readonly Dictionary<string, string> OldOnPurpose = new()
    {
        ["cuEventElapsedTime"] = "the driver of CUDA 12.4 does not export cuEventElapsedTime_v2, which has the same parameters",
    };

    private static readonly Type[] All = typeof(FunctionTable).Assembly.GetTypes();

    public static TheoryData<string> Tables => [.. TableTypes.Select(type => type.Name)];

    private static IEnumerable<Type> TableTypes => All.Where(type => type.IsSubclassOf(typeof(FunctionTable)));

    [Fact]
    public void Tables_are_found() => Assert.Contains(typeof(DriverApi), TableTypes);

    [Theory]
    [MemberData(nameof(Tables))]
    public void Functions_have_the_exported_names_and_parameters(string table) =>
        Assert.Empty(new AbiChecker(Files(), OldOnPurpose).CheckTable(TableTypes.Single(type => type.Name == table)));

    [Fact]
    public void Every_function_pointer_is_in_a_table() => Assert.Empty(All
        .Where(type => !type.IsSubclassOf(typeof(FunctionTable)))
        .SelectMany(AbiChecker.Functions));

    [Fact]
    public void Structs_have_the_native_size_and_offsets()
    {
        IReadOnlyList<AbiFile> files = Files();
        var checker = new AbiChecker(files, OldOnPurpose);
        Type[] structs = [.. Mirrors(files, file => file.Structs.Keys).Where(type => !type.IsEnum)];
        Assert.Contains(typeof(CUlaunchConfig), structs);
        Assert.Empty(structs.SelectMany(checker.CheckStruct));
    }

    [Fact]
    public void Enums_have_the_native_values()
    {
        IReadOnlyList<AbiFile> files = Files();
        var checker = new AbiChecker(files, OldOnPurpose);
        Type[] enums = [.. Mirrors(files, file => file.Enums.Keys).Where(type => type.IsEnum)];
        Assert.Contains(typeof(CUevent_flags), enums); // in no signature
        Assert.Empty(enums.SelectMany(checker.CheckEnum));
    }

    [Fact]
    public void Every_result_of_the_driver_is_known() => Assert.Empty(
        Files().Where(file => file.Library == "cuda").SelectMany(file => file.Enums["CUresult"].Keys)
            .Except(Enum.GetNames<CUresult>()));

    [Fact]
    public void Old_entry_points_are_bound_and_old()
    {
        IReadOnlyList<AbiFile> files = Files();
        Assert.All(OldOnPurpose.Keys, name =>
        {
            Assert.Contains(TableTypes.SelectMany(AbiChecker.Functions), field => field.Name == name);
            Assert.Contains(files, file => file.Functions.TryGetValue(name, out AbiFunction? function) && function.Superseded);
        });
    }

    /// <summary>The types that functions take, and those that bear the name of a native one.</summary>
    private static IEnumerable<Type> Mirrors(IReadOnlyList<AbiFile> files, Func<AbiFile, IEnumerable<string>> names)
    {
        HashSet<string> native = [.. files.SelectMany(names)];
        return TableTypes.SelectMany(AbiChecker.TypesOf)
            .Concat(All.Where(type => type.IsValueType && native.Contains(type.Name))).Distinct();
    }

    private static IReadOnlyList<AbiFile> Files() =>
    [
        .. Directory.GetFiles(SharedFiles.Folder("cuda", "abi"), "*.json")
            .Where(path => !path.EndsWith(".diff.json", StringComparison.Ordinal))
            .Select(AbiFile.Read),
    ];
}
