namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>A kernel, or its use by the host, with one defect, and who must notice it.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Case">What runs it, of <see cref="KernelCases{TDevice}"/>.</param>
/// <param name="File">The source that is changed.</param>
/// <param name="From">The text that the defect replaces; it is there once. Empty where the host is wrong.</param>
/// <param name="To">The defect.</param>
internal sealed record Mutant(string Name, string Case, string File, string From, string To)
{
    /// <summary>The kind of finding that must be reported; null where the result must be wrong.</summary>
    public string? Kind { get; init; }

    /// <summary>
    /// The line that the report must name, or one that it was inlined into: a text that one line of a file has. Empty where the
    /// compiler gives no line.
    /// </summary>
    public string At { get; init; } = "";

    /// <summary>That file, where it is not the one that is changed.</summary>
    public string? AtFile { get; init; }

    /// <summary>What a host that is wrong does, in place of the case.</summary>
    public Action<KernelDevice>? Host { get; init; }

    /// <summary>The sources with the defect.</summary>
    public IReadOnlyDictionary<string, string> Apply(IReadOnlyDictionary<string, string> sources)
    {
        if (Host is not null)
        {
            return sources;
        }

        string text = sources[File];
        int at = text.IndexOf(From, StringComparison.Ordinal);
        if (at < 0 || text.IndexOf(From, at + 1, StringComparison.Ordinal) >= 0)
        {
            throw new InvalidOperationException($"{Name}: {File} has the text to be replaced {(at < 0 ? "nowhere" : "more than once")}.");
        }

        return new Dictionary<string, string>(sources) { [File] = text[..at] + To + text[(at + From.Length)..] };
    }

    /// <summary>The place that a report must name, in sources with the defect; line 0 where any will do.</summary>
    public (string File, int Line, string Text) Place(IReadOnlyDictionary<string, string> mutated)
    {
        string file = AtFile ?? File;
        if (At.Length == 0)
        {
            return (file, 0, "");
        }

        string[] lines = mutated[file].Split('\n');
        int[] found = [.. Enumerable.Range(0, lines.Length).Where(i => lines[i].Contains(At, StringComparison.Ordinal))];
        return found.Length == 1
            ? (file, found[0] + 1, lines[found[0]].Trim())
            : throw new InvalidOperationException($"{Name}: {found.Length} lines of {file} have \"{At}\".");
    }
}
