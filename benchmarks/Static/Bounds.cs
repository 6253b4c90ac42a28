using System.Text.Json;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// What a kernel on an architecture took when its bounds were last set; <c>TensorShare</c> is without guarded code.
/// </summary>
internal sealed record Bound(int Registers, int SpillBytes, int SharedBytes, double? TensorShare);

/// <summary>
/// Checked-in bounds of every kernel: raising what a kernel takes is a regression, or a decision that sets them anew.
/// </summary>
/// <param name="Compiler">The version of NVRTC that they hold for: another allocates registers otherwise.</param>
/// <param name="Kernels">The bounds by kernel and architecture.</param>
internal sealed record Bounds(string Compiler, SortedDictionary<string, SortedDictionary<string, Bound>> Kernels)
{
    // Shares are written with two decimals.
    private const double ShareRounding = 0.01;

    private static readonly JsonSerializerOptions Json =
        new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>The bounds that compiled kernels just meet.</summary>
    public static Bounds Of(string compiler, IEnumerable<CompiledKernel> kernels)
    {
        var bounds = new SortedDictionary<string, SortedDictionary<string, Bound>>(StringComparer.Ordinal);
        foreach (CompiledKernel kernel in kernels)
        {
            if (!bounds.TryGetValue(kernel.Kernel.Name, out SortedDictionary<string, Bound>? architectures))
            {
                bounds[kernel.Kernel.Name] = architectures = new(StringComparer.Ordinal);
            }

            architectures[kernel.Architecture] = Of(kernel);
        }

        return new(compiler, bounds);
    }

    /// <summary>Reads a file of bounds.</summary>
    public static Bounds Read(string file) => JsonSerializer.Deserialize<Bounds>(File.ReadAllText(file), Json)!;

    /// <summary>Writes the file.</summary>
    public void Write(string file) => File.WriteAllText(file, JsonSerializer.Serialize(this, Json) + "\n");

    /// <summary>What is worse than its bound or has none, a sentence each.</summary>
    public IEnumerable<string> Regressions(IEnumerable<CompiledKernel> kernels)
    {
        foreach (CompiledKernel kernel in kernels)
        {
            string name = $"{kernel.Kernel.Name} on {kernel.Architecture}";
            if (!Kernels.TryGetValue(kernel.Kernel.Name, out SortedDictionary<string, Bound>? architectures)
                || !architectures.TryGetValue(kernel.Architecture, out Bound? bound))
            {
                yield return $"{name} has no bound";
                continue;
            }

            Bound now = Of(kernel);
            (string What, double Now, double Bound)[] counts =
            [
                ("registers", now.Registers, bound.Registers), ("bytes spilled", now.SpillBytes, bound.SpillBytes),
                ("bytes of shared memory", now.SharedBytes, bound.SharedBytes),
            ];
            foreach ((string what, double count, double limit) in counts)
            {
                if (count > limit)
                {
                    yield return $"{name}: {count} {what}, at most {limit}";
                }
            }

            if (now.TensorShare < bound.TensorShare - ShareRounding)
            {
                yield return FormattableString.Invariant(
                    $"{name}: {now.TensorShare} % HMMA without guarded code, at least {bound.TensorShare}");
            }
        }
    }

    private static Bound Of(CompiledKernel kernel) => new(
        kernel.Assembler.Registers, kernel.Assembler.SpillStoreBytes, kernel.SharedBytes,
        kernel.Infonce is { } loop ? Math.Round(loop.UnguardedTensorShare, 2) : null);
}
