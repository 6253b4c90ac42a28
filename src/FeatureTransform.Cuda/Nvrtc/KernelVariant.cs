namespace FeatureTransform.Cuda;

/// <summary>
/// A source file of kernels with the macros that specialise it. Two variants of the same macros are equal, in whatever order
/// they are given.
/// </summary>
/// <param name="File">The file's name among its <see cref="KernelSources"/>, such as infonce.cu.</param>
/// <param name="Defines">Macros with their values, such as FT_C=128.</param>
public sealed record KernelVariant(string File, params string[] Defines)
{
    /// <summary>A name for a file of what was compiled, without extension: infonce.FT_C-128.</summary>
    internal string FileName =>
        string.Join('.', [Path.ChangeExtension(File, null).Replace('/', '_'), .. Sorted]).Replace('=', '-');

    internal IReadOnlyList<string> Sorted
    {
        get
        {
            // By insertion: they are few, and to set up the first sort of strings takes a process a millisecond.
            var sorted = new List<string>(Defines.Length);
            foreach (string define in Defines)
            {
                int at = sorted.Count;
                while (at > 0 && string.CompareOrdinal(sorted[at - 1], define) > 0)
                {
                    at--;
                }
                sorted.Insert(at, define);
            }
            return sorted;
        }
    }

    /// <inheritdoc/>
    public bool Equals(KernelVariant? other) => other is not null && File == other.File && Sorted.SequenceEqual(other.Sorted);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public override string ToString() => Defines.Length == 0 ? File : $"{File} [{string.Join(' ', Sorted)}]";
}
