using System.Text;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>docs/mutants.md.</summary>
internal static class MutantList
{
    public const string WrongResult = "wrong result";

    /// <summary>Who must notice a defect, as the list says it.</summary>
    public static string Wanted(Mutant mutant) => mutant.Kind ?? WrongResult;

    public static string Format(IEnumerable<(Mutant Mutant, string Verdict)> rows)
    {
        (Mutant Mutant, string Verdict)[] all = [.. rows];
        int found = all.Count(row => row.Verdict != WrongResult), placed = all.Count(row => row.Mutant.At.Length > 0);
        var text = new StringBuilder();
        text.Append(
            $"""
            # Mutants

            Each row is one defect that was put into a kernel of this project, or into its use by the host, and who noticed it when a
            small case of the kernel's tests ran on the [emulator](emulator.md) with all checks: a check, by the kind of its finding
            and the source line that the report names, itself or in the chain of calls it was inlined from; or, where the defect is
            within the rules of the machine, the comparison with the fp64 oracle. Without a defect the same cases are silent.

            Of {all.Length} defects {found} are found by a check, {placed} of them at the line given here, and {all.Length - found} by a wrong result.

            The test `MutantTests` makes this file from what it sees: a defect that is noticed otherwise, or not at all, fails it, as
            does a stale file. By default it runs a fixed part of the list; `FT_FULL=1` runs all, `FT_WRITE=1` writes the file anew.

            | file | defect | noticed by | at |
            |---|---|---|---|

            """);
        foreach ((Mutant mutant, string verdict) in all)
        {
            string place = mutant.At.Length == 0 ? ""
                : $"{(mutant.AtFile is { } file ? file + ": " : "")}`{mutant.Place(mutant.Apply(KernelFiles.Texts)).Text.Replace("|", "\\|", StringComparison.Ordinal)}`";
            string where = mutant.Host is null ? mutant.File : $"host, {mutant.Case}";
            text.Append($"| {where} | {mutant.Name} | {verdict} | {place} |\n");
        }

        return text.ToString().ReplaceLineEndings("\n");
    }
}
