using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

public sealed class KernelSetTests
{
    private const string Command = "Run: dotnet run -c Release --project benchmarks -- ptx";

    [Fact]
    public void Sources_headers_and_PTX_are_in_the_assembly()
    {
        KernelSources sources = KernelSet.LoadSources();
        Assert.NotNull(sources.Find("common/types.cuh"));
        Assert.NotNull(sources.Find("ptx/manifest.json"));
        Assert.All(KernelSet.Variants, variant => Assert.NotNull(sources.Find(variant.File)));
    }

    [Fact]
    public void The_assembly_has_the_hash_of_each_source_and_header()
    {
        const string prefix = "kernels/";
        Assembly assembly = typeof(KernelSet).Assembly;
        string[] expected =
        [
            .. assembly.GetManifestResourceNames()
                .Where(name => name.EndsWith(".cu", StringComparison.Ordinal) || name.EndsWith(".cuh", StringComparison.Ordinal))
                .Select(name => $"{name[prefix.Length..]} {Convert.ToHexString(SHA256.HashData(assembly.GetManifestResourceStream(name)!))}"),
        ];
        string[] given = KernelSet.LoadSources().Find(KernelSources.Hashes)!.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(expected.Order(StringComparer.Ordinal), given.Order(StringComparer.Ordinal));
        Assert.Contains(given, line => line.StartsWith("common/types.cuh ", StringComparison.Ordinal));
    }

    [Fact]
    public void What_launchers_need_is_listed()
    {
        IEnumerable<KernelVariant> needed = typeof(KernelSet).Assembly.GetTypes()
            .SelectMany(type => type.GetProperties(BindingFlags.Static | BindingFlags.Public))
            .Where(property => property.PropertyType == typeof(KernelVariant))
            .Select(property => (KernelVariant)property.GetValue(null)!);
        Assert.Empty(needed.Except(KernelSet.Variants));
        Assert.Equal(KernelSet.Variants.Count, KernelSet.Variants.Distinct().Count());
    }

    [Fact]
    public void Checked_in_PTX_is_of_these_sources_and_variants()
    {
        string[] stale = [.. new CheckedInPtx(KernelSet.LoadSources()).FindStale(KernelSet.Variants)];
        Assert.True(stale.Length == 0, string.Join('\n', [.. stale, Command]));
    }

    [Fact]
    public void Checked_in_PTX_is_what_the_same_NVRTC_makes()
    {
        bool loaded = Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason);
        Assert.SkipUnless(loaded, reason ?? "");
        KernelSources sources = KernelSet.LoadSources();
        CheckedInPtx checkedIn = new(sources);
        PtxEntry[] entries = [.. checkedIn.Entries.Where(entry => entry.Nvrtc == nvrtc!.Version.ToString())];
        Assert.SkipWhen(entries.Length < checkedIn.Entries.Count, $"The PTX was not made by {nvrtc}, which is here.");
        var compiler = new KernelCompiler(nvrtc!, sources);
        Parallel.ForEach(entries, entry =>
        {
            string made = Encoding.UTF8.GetString(compiler.Compile(entry.Variant, CheckedInPtx.Architecture).Image.Span);
            Assert.True(
                Code(made) == Code(checkedIn.Text(entry)!), $"{entry.Ptx} differs from what {nvrtc} makes now. {Command}");
        });
    }

    /// <summary>Without the comments at the top, which say the compiler's build.</summary>
    private static string Code(string ptx) => ptx[ptx.IndexOf(".version", StringComparison.Ordinal)..];
}
