using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FeatureTransform.Cuda;

/// <summary>PTX of one variant that lies in the folder ptx of the kernel sources.</summary>
/// <param name="Ptx">The file's name.</param>
/// <param name="File">The source file.</param>
/// <param name="Defines">Its macros.</param>
/// <param name="Hash">What <see cref="KernelCompiler.GetHash"/> said of sources and options.</param>
/// <param name="Nvrtc">The version that compiled it.</param>
internal sealed record PtxEntry(string Ptx, string File, string[] Defines, string Hash, string Nvrtc)
{
    [JsonIgnore]
    public KernelVariant Variant => new(File, Defines);
}

/// <summary>
/// PTX that is checked in beside the kernel sources, for machines without NVRTC: ptx/manifest.json says of each file what it is
/// compiled from. It is for <see cref="Architecture"/>; the driver compiles it for the device, of this architecture or a newer
/// one.
/// </summary>
internal sealed class CheckedInPtx
{
    public const string Architecture = "compute_80";
    public static readonly Version OldestDevice = new(8, 0);
    public const string Folder = "ptx";

    private const string Manifest = "manifest.json";

    private readonly KernelSources sources;
    private readonly Dictionary<KernelVariant, PtxEntry> entries;

    /// <summary>Reads the manifest; where there is none, no variant is found.</summary>
    public CheckedInPtx(KernelSources sources)
    {
        this.sources = sources;
        string? manifest = sources.Find($"{Folder}/{Manifest}");
        entries = manifest is null ? [] : Parse(manifest).ToDictionary(entry => entry.Variant);
    }

    public IReadOnlyCollection<PtxEntry> Entries => entries.Values;

    /// <summary>The PTX of a variant; null where it is not checked in.</summary>
    /// <exception cref="InvalidOperationException">It is, but of other sources than these.</exception>
    public KernelBinary? Find(KernelVariant variant)
    {
        if (!entries.TryGetValue(variant, out PtxEntry? entry))
        {
            return null;
        }
        return WhyStale(entry) is { } reason
            ? throw new InvalidOperationException(reason)
            : new KernelBinary(Architecture, Encoding.UTF8.GetBytes(Text(entry)!), "");
    }

    public string? Text(PtxEntry entry) => sources.Find($"{Folder}/{entry.Ptx}");

    /// <summary>
    /// What is wrong with the folder, judged by hashes, without NVRTC: variants that are missing, superfluous, or compiled from
    /// other sources.
    /// </summary>
    public IEnumerable<string> FindStale(IReadOnlyCollection<KernelVariant> variants)
    {
        IEnumerable<string> missing = variants.Where(variant => !entries.ContainsKey(variant))
            .Select(variant => $"{variant} has no checked-in PTX.");
        IEnumerable<string> superfluous = entries.Keys.Except(variants)
            .Select(variant => $"The checked-in PTX of {variant} is of no use.");
        IEnumerable<string> stale = entries.Values.Where(entry => variants.Contains(entry.Variant))
            .Select(WhyStale).OfType<string>();
        return [.. missing, .. superfluous, .. stale];
    }

    /// <summary>Compiles all variants and writes them into a folder with their manifest, and removes other PTX from it.</summary>
    public static void Write(string folder, KernelCompiler compiler, IReadOnlyList<KernelVariant> variants)
    {
        PtxEntry[] entries =
        [
            .. variants.Select(variant => new PtxEntry(
                variant.FileName + ".ptx", variant.File, [.. variant.Sorted],
                KernelCompiler.GetHash(compiler.Sources, variant, Architecture), compiler.Nvrtc.Version.ToString())),
        ];
        byte[][] texts = new byte[entries.Length][];
        Parallel.For(0, entries.Length, i => texts[i] = compiler.Compile(variants[i], Architecture).Image.ToArray());

        Directory.CreateDirectory(folder);
        foreach (string old in Directory.EnumerateFiles(folder, "*.ptx"))
        {
            File.Delete(old);
        }
        for (int i = 0; i < entries.Length; i++)
        {
            File.WriteAllBytes(Path.Combine(folder, entries[i].Ptx), texts[i]);
        }
        string manifest = JsonSerializer.Serialize(entries, PtxJson.Default.PtxEntryArray).ReplaceLineEndings("\n");
        File.WriteAllText(Path.Combine(folder, Manifest), manifest + "\n");
    }

    private string? WhyStale(PtxEntry entry)
    {
        if (sources.Find(entry.File) is null)
        {
            return $"The checked-in PTX {entry.Ptx} is of {entry.File}, which is not among the sources.";
        }
        if (Text(entry) is null)
        {
            return $"The checked-in PTX {entry.Ptx} is missing.";
        }
        return KernelCompiler.GetHash(sources, entry.Variant, Architecture) == entry.Hash
            ? null
            : $"The checked-in PTX {entry.Ptx} was compiled from other sources or with other options; it has to be made anew.";
    }

    private static PtxEntry[] Parse(string manifest) => JsonSerializer.Deserialize(manifest, PtxJson.Default.PtxEntryArray)!;
}

[JsonSourceGenerationOptions(
    WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(PtxEntry[]))]
internal sealed partial class PtxJson : JsonSerializerContext;
