using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>A text that NVRTC is given, and the name by which it, its log and its output call it.</summary>
internal sealed record NamedText(string Name, string Text);

/// <summary>
/// A source file with all the headers that it includes, directly or not, ready for NVRTC. Each file has one absolute name below
/// <see cref="Root"/>, and the includes are written with it: so no path of the machine gets into the output (NVRTC puts the
/// working directory before a relative name), a header is the same whatever name it is included by, and what is compiled is what
/// was hashed, whatever lies in folders.
/// </summary>
internal sealed class KernelProgram
{
    public const string Root = "/kernels/";

    private readonly List<NamedText> headers = [];
    private readonly HashSet<string> seen = [];
    private readonly StringBuilder hashes = new();

    private KernelProgram(KernelSources sources, string file)
    {
        string text = sources.Find(file)
            ?? throw new FileNotFoundException($"{file} is not among the kernel sources of {sources.Name}.", file);
        Main = new NamedText(Root + file, Resolve(sources, file, text));
        Hash = hashes.ToString();
    }

    /// <summary>Collects what <paramref name="file"/> includes.</summary>
    /// <exception cref="FileNotFoundException">The file, or one that is included, is not among the sources.</exception>
    public static KernelProgram Of(KernelSources sources, string file) => new(sources, file);

    public NamedText Main { get; }

    public IReadOnlyList<NamedText> Headers => headers;

    /// <summary>The names of all its files with hashes of their texts.</summary>
    public string Hash { get; }

    private string Resolve(KernelSources sources, string file, string text)
    {
        seen.Add(file);
        hashes.Append(file).Append('=').Append(TextHash.Of(text)).Append('\n');
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (IncludedBy(lines[i]) is not { } name)
            {
                continue;
            }
            string found = Array.Find(Candidates(file, name), candidate => sources.Find(candidate) is not null)
                ?? throw new FileNotFoundException(
                    $"kernels/{file}({i + 1}): \"{name}\" is not among the kernel sources of {sources.Name}.", name);
            if (!seen.Contains(found))
            {
                headers.Add(new NamedText(Root + found, Resolve(sources, found, sources.Find(found)!)));
            }
            lines[i] = lines[i].Replace($"\"{name}\"", $"\"{Root}{found}\"", StringComparison.Ordinal);
        }
        return string.Join('\n', lines);
    }

    /// <summary>The name of an #include "name"; null in another line.</summary>
    private static string? IncludedBy(string line)
    {
        ReadOnlySpan<char> rest = line.AsSpan().TrimStart();
        if (rest is not ['#', ..] || !rest[1..].TrimStart().StartsWith("include", StringComparison.Ordinal))
        {
            return null;
        }
        string[] parts = line.Split('"');
        return parts.Length >= 3 ? parts[1] : null;
    }

    /// <summary>As a compiler looks for a quoted name: beside the file that includes it, then in the root.</summary>
    private static string[] Candidates(string file, string name) =>
        [file[..(file.LastIndexOf('/') + 1)] + name, name];
}
