using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>
/// The kernels of this assembly. What is listed here has PTX checked in under kernels/ptx, for machines without NVRTC; other
/// variants need NVRTC. After a change of a kernel or of this table, `dotnet run -c Release --project benchmarks -- ptx` writes the
/// PTX anew.
/// </summary>
internal static class KernelSet
{
    /// <summary>The variants that runs need, by source file.</summary>
    public static IReadOnlyList<KernelVariant> Variants { get; } = [];

    /// <summary>The sources in this assembly, or in the folder that FEATURETRANSFORM_KERNELS names.</summary>
    public static KernelSources LoadSources() => KernelSources.FromAssembly(typeof(KernelSet).Assembly);
}
