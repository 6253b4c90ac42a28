using System.Text;
using System.Text.RegularExpressions;

namespace FeatureTransform.Cuda;

/// <summary>What NVRTC made of a variant.</summary>
/// <param name="Architecture">What it was compiled for: sm_90 is a cubin, compute_90 is PTX.</param>
/// <param name="Image">The cubin, or PTX as UTF-8 text.</param>
/// <param name="Log">What the compiler said.</param>
public sealed partial record KernelBinary(string Architecture, ReadOnlyMemory<byte> Image, string Log)
{
    /// <summary>What the assembler says of each kernel; empty for PTX, which the driver will assemble.</summary>
    public IReadOnlyList<KernelFigures> Figures => KernelFigures.Parse(Log);

    /// <summary>The names of its kernels where it is PTX.</summary>
    internal IEnumerable<string> PtxKernels => IsPtx(Architecture)
        ? Entry().Matches(Encoding.UTF8.GetString(Image.Span)).Select(match => match.Groups[1].Value)
        : [];

    internal static bool IsPtx(string architecture) => architecture.StartsWith("compute_", StringComparison.Ordinal);

    [GeneratedRegex(@"^\s*(?:\.visible\s+)?\.entry\s+([\w$]+)", RegexOptions.Multiline)]
    private static partial Regex Entry();
}
