using System.Reflection;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>The kernel sources in the assembly under test.</summary>
internal static class KernelFiles
{
    private const string Prefix = "kernels/";

    /// <summary>All .cu and .cuh files by name, such as common/types.cuh.</summary>
    public static IReadOnlyDictionary<string, string> Texts { get; } = Read();

    private static Dictionary<string, string> Read()
    {
        Assembly assembly = typeof(KernelSet).Assembly;
        return assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && Path.GetExtension(name) is ".cu" or ".cuh")
            .ToDictionary(name => name[Prefix.Length..], name =>
            {
                using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
                return reader.ReadToEnd().Replace("\r\n", "\n", StringComparison.Ordinal);
            });
    }
}
