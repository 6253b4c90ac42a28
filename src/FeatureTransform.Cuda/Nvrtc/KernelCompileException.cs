namespace FeatureTransform.Cuda;

/// <summary>A kernel does not compile. The message has the compiler's log, with file and line, and the options.</summary>
public sealed class KernelCompileException : Exception
{
    internal KernelCompileException(KernelVariant variant, Nvrtc nvrtc, string failure, string log, string[] options)
        : base($"{variant} does not compile with {nvrtc}: {failure}.\n{log}\nOptions: {string.Join(' ', options)}")
    {
        Variant = variant;
        Log = log;
        Options = options;
    }

    /// <summary>What was to be compiled.</summary>
    public KernelVariant Variant { get; }

    /// <summary>The compiler's log.</summary>
    public string Log { get; }

    /// <summary>The options that NVRTC was given.</summary>
    public IReadOnlyList<string> Options { get; }
}
