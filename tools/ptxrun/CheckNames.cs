using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.PtxRun;

/// <summary>The checks by the names that CUDA's sanitizer gives its tools.</summary>
internal static class CheckNames
{
    private static readonly (string Name, Checks Check)[] Names =
    [
        ("memcheck", Checks.Memory), ("initcheck", Checks.Initialization),
        ("racecheck", Checks.Races), ("synccheck", Checks.Synchronization),
    ];

    public static string Of(Checks check) => Array.Find(Names, known => known.Check == check).Name ?? check.ToString();

    /// <summary>What all, none or a list such as memcheck,racecheck means.</summary>
    public static Checks Parse(string text) => text switch
    {
        "all" => Names.Aggregate(Checks.None, (sum, known) => sum | known.Check),
        "none" => Checks.None,
        _ => text.Split(',').Aggregate(Checks.None, (sum, name) => sum | One(name.Trim())),
    };

    private static Checks One(string name) => Array.Find(Names, known => known.Name == name) is { Name: not null } found
        ? found.Check
        : throw new BadInputException(
            $"--checks: \"{name}\" is no check; give all, none or some of {string.Join(',', Names.Select(known => known.Name))}");
}
