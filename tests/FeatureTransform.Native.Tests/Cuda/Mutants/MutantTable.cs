namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>Defects of the project's own kernels, one at a time, and what must notice each.</summary>
internal static partial class MutantTable
{
    private const string Race = "race", OutOfBounds = "out of bounds", Unwritten = "uninitialised read", Misaligned = "misaligned",
        UnwrittenRegister = "uninitialised register";

    public static IReadOnlyList<Mutant> All { get; } =
        [.. Elementwise, .. Reductions, .. Mixing, .. Nearest, .. Pass, .. TensorCorePass, .. Float32Pass, .. Finish, .. HostSide];

    /// <summary>A defect that a check must report at a line.</summary>
    private static Mutant Found(
        string name, string kernel, string file, string from, string to, string kind, string at, string? atFile = null) =>
        new(name, kernel, file, from, to) { Kind = kind, At = at, AtFile = atFile };

    /// <summary>A defect within the rules of the machine: the numbers must give it away.</summary>
    private static Mutant Wrong(string name, string kernel, string file, string from, string to) => new(name, kernel, file, from, to);
}
