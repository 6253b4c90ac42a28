using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator.Execution;
using Xunit;
using Xunit.Sdk;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// Each defect of <see cref="MutantTable"/> is noticed, by the check and at the line that the table says or by a wrong result, and
/// docs/mutants.md says so. By default a fixed part of them runs; FT_FULL=1 runs all, and FT_WRITE=1 writes the file anew.
/// </summary>
public sealed class MutantTests(ITestOutputHelper output) : IDisposable
{
    private const int Part = 30;
    private const string Command = "FT_WRITE=1 dotnet test --project tests/FeatureTransform.Native.Tests, with NVRTC, writes it anew.";

    private readonly string folder = Directory.CreateTempSubdirectory("ft-mutants-").FullName;

    private static bool Writes => Environment.GetEnvironmentVariable("FT_WRITE") == "1";

    private static string ListPath => Path.Combine(Root(), "docs", "mutants.md");

    [Fact]
    public void Without_a_defect_nothing_is_found()
    {
        (Nvrtc nvrtc, KernelCache cache) = Compiler();
        Assert.All(KernelCases<OnMutant>.All, item =>
        {
            (IReadOnlyList<Finding> findings, Exception? error) = OnMutant.Run(item.Value, KernelFiles.Texts, nvrtc, cache);
            Assert.Null(error);
            Assert.Empty(findings);
        });
    }

    [Fact]
    public void Every_defect_is_noticed()
    {
        (Nvrtc nvrtc, KernelCache cache) = Compiler();
        bool all = Writes || Environment.GetEnvironmentVariable("FT_FULL") == "1";
        Mutant[] mutants = [.. MutantTable.All];
        if (!all)
        {
            new System.Random(7).Shuffle(mutants);
            output.WriteLine($"{Part} of {mutants.Length}; FT_FULL=1 runs all");
            mutants = mutants[..Part];
        }

        var actual = mutants.ToDictionary(mutant => mutant, mutant => Verdict(mutant, nvrtc, cache));
        if (Writes)
        {
            File.WriteAllText(ListPath, MutantList.Format(MutantTable.All.Select(mutant => (mutant, actual[mutant]))));
        }

        string[] different =
        [
            .. actual.Where(item => item.Value != MutantList.Wanted(item.Key))
                .Select(item => $"{item.Key.File}, {item.Key.Name}: not {MutantList.Wanted(item.Key)}, but {item.Value}"),
        ];
        Assert.True(different.Length == 0, string.Join('\n', different));
    }

    [Fact]
    public void The_list_is_of_these_defects()
    {
        Assert.True(MutantTable.All.Count >= 60);
        Assert.True(MutantTable.All.Count(mutant => mutant.At.Length > 0) >= 40);
        Assert.Equal(MutantTable.All.Count, MutantTable.All.Select(mutant => (mutant.Name, mutant.Case)).Distinct().Count());
        Assert.SkipWhen(Writes, "the list is being written");
        string list = MutantList.Format(MutantTable.All.Select(mutant => (mutant, MutantList.Wanted(mutant))));
        Assert.True(list == File.ReadAllText(ListPath).ReplaceLineEndings("\n"), $"docs/mutants.md is stale. {Command}");
    }

    public void Dispose() => Directory.Delete(folder, true);

    private static string Verdict(Mutant mutant, Nvrtc nvrtc, KernelCache cache)
    {
        IReadOnlyDictionary<string, string> sources = mutant.Apply(KernelFiles.Texts);
        (string file, int line, _) = mutant.Place(sources);
        Action run = mutant.Host is { } host ? () => Use(host) : KernelCases<OnMutant>.All[mutant.Case];
        (IReadOnlyList<Finding> findings, Exception? error) = OnMutant.Run(run, sources, nvrtc, cache);
        string place = string.Create(CultureInfo.InvariantCulture, $"/kernels/{file}:{line}");
        bool Names(Finding finding) => line == 0 || $"{finding.File}:{finding.Line}" == place
            || finding.InlinedFrom.Any(caller => caller.EndsWith(place, StringComparison.Ordinal));
        return findings.Any(finding => finding.Kind == mutant.Kind && Names(finding)) ? MutantList.Wanted(mutant)
            : findings.Count > 0 ? "found otherwise: " + string.Join("; ", findings.Take(3))
            : error switch { null => "not noticed", XunitException => MutantList.WrongResult, _ => error.Message };
    }

    private static void Use(Action<KernelDevice> host)
    {
        using KernelDevice device = OnMutant.Open();
        host(device);
    }

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "docs", "emulator.md")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException("docs");
    }

    // Mutants have no place in the user's cache.
    private (Nvrtc Nvrtc, KernelCache Cache) Compiler()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason), reason ?? "");
        return (nvrtc!, new KernelCache(folder));
    }
}
