namespace FeatureTransform.Cuda;

/// <summary>What NVRTC made of a variant.</summary>
/// <param name="Architecture">What it was compiled for: sm_90 is a cubin, compute_90 is PTX.</param>
/// <param name="Image">The cubin, or PTX as UTF-8 text.</param>
/// <param name="Log">What the compiler said.</param>
public sealed record KernelBinary(string Architecture, ReadOnlyMemory<byte> Image, string Log)
{
    /// <summary>What the assembler says of each kernel; empty for PTX, which the driver will assemble.</summary>
    public IReadOnlyList<KernelFigures> Figures => KernelFigures.Parse(Log);

    internal static bool IsPtx(string architecture) => architecture.StartsWith("compute_", StringComparison.Ordinal);
}
