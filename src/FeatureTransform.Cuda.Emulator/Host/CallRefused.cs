namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Ends a call of the host with a code; what is more than a plain answer is a finding too.</summary>
internal sealed class CallRefused : Exception
{
    /// <summary>An answer that a correct program may get.</summary>
    public CallRefused(CUresult code)
        : base(code.ToString()) => Code = code;

    /// <summary>An answer to a defect.</summary>
    public CallRefused(CUresult code, string kind, string message)
        : base(message)
    {
        Code = code;
        Kind = kind;
    }

    public CUresult Code { get; }

    /// <summary>What kind of finding it is; null for none.</summary>
    public string? Kind { get; }
}

/// <summary>Ends work of a stream: the context is lost.</summary>
internal sealed class DeviceFault(CUresult code, string message) : Exception(message)
{
    public CUresult Code { get; } = code;
}

/// <summary>The kinds of findings about the host, in the words of the reports.</summary>
internal static class FindingKinds
{
    public const string Capture = "capture rule";
    public const string DoubleDestroy = "double destroy";
    public const string DoubleFree = "double free";
    public const string HostMemoryChanged = "host memory changed";
    public const string HostMemoryFreed = "host memory freed";
    public const string HostUninitialized = "uninitialised copy to the host";
    public const string InternalError = "internal error of the emulator";
    public const string InvalidAddress = "invalid address";
    public const string InvalidArgument = "invalid argument";
    public const string InvalidHandle = "invalid handle";
    public const string KernelFault = "kernel fault";
    public const string LaunchRefused = "launch refused";
    public const string Leak = "leak";
    public const string LibraryUninitialized = "uninitialised operand of a library";
    public const string OverlappingCopy = "overlapping copy";
    public const string OverlappingTensors = "overlapping tensors";
    public const string ParameterMismatch = "parameter mismatch";
    public const string UninitializedRead = "uninitialised read";
    public const string UnsupportedCall = "unsupported call";
    public const string UnsupportedImage = "unsupported image";
    public const string UseAfterDestroy = "use after destroy";
    public const string UseAfterFree = "use after free";
    public const string WrongContext = "wrong context";
}
