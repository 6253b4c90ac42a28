using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace FeatureTransform.Cuda;

/// <summary>
/// Compiles variants with NVRTC. The output depends on the sources, the options and NVRTC's version, and on nothing of the
/// machine. Safe for use by any thread; several threads compile in parallel.
/// </summary>
public sealed partial class KernelCompiler
{
    /// <summary>A compiler of some sources.</summary>
    public KernelCompiler(Nvrtc nvrtc, KernelSources sources)
    {
        ArgumentNullException.ThrowIfNull(nvrtc);
        ArgumentNullException.ThrowIfNull(sources);
        Nvrtc = nvrtc;
        Sources = sources;
    }

    /// <summary>The compiler's library.</summary>
    public Nvrtc Nvrtc { get; }

    /// <summary>What it compiles.</summary>
    public KernelSources Sources { get; }

    /// <summary>
    /// Whether a warning is only noted in the log. It is an error otherwise, as it should be for one who writes kernels; one who
    /// only runs them need not fail because a newer NVRTC warns of more.
    /// </summary>
    public bool AllowWarnings { get; init; }

    /// <summary>Compiles a variant.</summary>
    /// <param name="variant">The source file and its macros.</param>
    /// <param name="architecture">sm_90 or sm_90a for a cubin, compute_90 for PTX.</param>
    /// <exception cref="FileNotFoundException">The file, or one that it includes, is not among the sources.</exception>
    /// <exception cref="ArgumentException">This NVRTC does not know the architecture.</exception>
    /// <exception cref="KernelCompileException">It does not compile, or not without warnings.</exception>
    public KernelBinary Compile(KernelVariant variant, string architecture)
    {
        ArgumentNullException.ThrowIfNull(variant);
        Validate(architecture);
        string[] options = [.. Options(variant, architecture), .. OptionsOfVersion];
        bool ptx = KernelBinary.IsPtx(architecture);
        (nvrtcResult result, string log, byte[] image) = Nvrtc.Compile(Sources.GetProgram(variant.File), options, ptx);
        log = log.Replace(KernelProgram.Root, KernelProgram.Root[1..], StringComparison.Ordinal);
        if (result != nvrtcResult.NVRTC_SUCCESS)
        {
            throw new KernelCompileException(variant, Nvrtc, Nvrtc.GetErrorName(result), log, options);
        }
        if (!AllowWarnings && HasWarning(log))
        {
            throw new KernelCompileException(variant, Nvrtc, "warnings are errors", log, options);
        }
        return new KernelBinary(architecture, ptx ? Clean(image) : image, log);
    }

    /// <summary>
    /// Whether the front end or the assembler warns of the code: NVRTC 12 and 13 have no option that makes these errors. What
    /// NVRTC says of its options, such as that an architecture is deprecated, does not count.
    /// </summary>
    internal static bool HasWarning(string log) => Warning().IsMatch(log);

    /// <summary>A hash of all that determines the output, except for NVRTC.</summary>
    internal static string GetHash(KernelSources sources, KernelVariant variant, string architecture) =>
        TextHash.Of(string.Join('\0', [sources.GetProgram(variant.File).Hash, .. Options(variant, architecture)]));

    /// <summary>The name of the output in a cache: a hash of all that determines it.</summary>
    /// <param name="sources">What is compiled.</param>
    /// <param name="variant">The source file and its macros.</param>
    /// <param name="device">The device's architecture, whether or not this NVRTC knows it.</param>
    /// <param name="nvrtc">The compiler's <see cref="Nvrtc.Identity"/>.</param>
    internal static string GetKey(KernelSources sources, KernelVariant variant, string device, string nvrtc)
    {
        List<string> all = Options(variant, device);
        all.Add(nvrtc);
        all.Add(sources.GetFingerprint(variant.File));
        return TextHash.Of(string.Join('\0', all));
    }

    private static List<string> Options(KernelVariant variant, string architecture)
    {
        List<string> options =
            [$"--gpu-architecture={architecture}", "--std=c++17", "-default-device", "-lineinfo", "--restrict"];
        if (!KernelBinary.IsPtx(architecture))
        {
            options.Add("--ptxas-options=-v");
        }
        foreach (string define in variant.Sorted)
        {
            options.Add($"--define-macro={define}");
        }
        return options;
    }

    // Not part of a key: they change nothing in the output. Declarations of textures and of the runtime, which no kernel uses, take
    // as long to parse as a small kernel. From 12.9 on NVRTC has a cache of its own, and what comes from it has no log of the assembler.
    private IEnumerable<string> OptionsOfVersion =>
    [
        .. Nvrtc.Version >= new Version(12, 4) ? (string[])["--minimal"] : [],
        .. Nvrtc.Version >= new Version(12, 9) ? (string[])["--no-cache"] : [],
    ];

    private void Validate(string architecture)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        Match match = Architecture().Match(architecture);
        if (!match.Success || !Nvrtc.Architectures.Contains(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)))
        {
            throw new ArgumentException(
                $"{Nvrtc} does not know the architecture {architecture}: it knows sm_XX and compute_XX for "
                + $"{string.Join(", ", Nvrtc.Architectures)}.", nameof(architecture));
        }
    }

    /// <summary>PTX without its final zero, and without what differs from one compilation to the next: comments that count calls
    /// over the life of the process.</summary>
    private static byte[] Clean(byte[] ptx)
    {
        string text = Encoding.UTF8.GetString(ptx).TrimEnd('\0', '\n', ' ');
        return Encoding.UTF8.GetBytes(CallSequence().Replace(text, "// callseq") + "\n");
    }

    [GeneratedRegex(@"^(?!nvrtc:).*\bwarning\b", RegexOptions.Multiline)]
    private static partial Regex Warning();

    [GeneratedRegex(@"^(?:sm|compute)_(\d{2,3})[af]?$")]
    private static partial Regex Architecture();

    [GeneratedRegex(@"// callseq \d+(?:, \d+)?")]
    private static partial Regex CallSequence();
}
