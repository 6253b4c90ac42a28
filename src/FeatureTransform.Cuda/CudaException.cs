namespace FeatureTransform.Cuda;

/// <summary>A call of one of CUDA's libraries failed, or a library or function that is needed is missing.</summary>
public sealed class CudaException : Exception
{
    internal CudaException(string library, string call, int code, string codeName, string text, string details = "")
        : base(Compose(library, call, code, codeName, text, details))
    {
        Library = library;
        Call = call;
        Code = code;
        CodeName = codeName;
        Text = text;
    }

    /// <summary>The library, such as libcuda.so.1.</summary>
    public string Library { get; }

    /// <summary>The function that failed or is missing; empty where the library itself is missing.</summary>
    public string Call { get; }

    /// <summary>What the function answered; 0 where none was called.</summary>
    public int Code { get; }

    /// <summary>The native name of the code, such as CUDA_ERROR_OUT_OF_MEMORY; empty where no function was called.</summary>
    public string CodeName { get; }

    /// <summary>What the library says of the code, or what is missing.</summary>
    public string Text { get; }

    /// <summary>
    /// Whether the library or the device is simply not there (none installed, too old, no device), as opposed to one that fails.
    /// Only then may a program use another backend in its place.
    /// </summary>
    public bool IsUnavailable { get; private init; }

    /// <summary>
    /// Whether the context is lost: every further call fails in the same way, in the whole process, until it is started anew.
    /// Such is a kernel's access to an address that is not its own.
    /// </summary>
    public bool IsSticky { get; private init; }

    internal static CudaException Unavailable(string library, string call, string text) =>
        new(library, call, 0, "", text) { IsUnavailable = true };

    internal static CudaException OfDriver(
        string library, string call, CUresult code, string name, string text, string details) =>
        new(library, call, (int)code, name, text, IsLost(code) ? details + NewProcess : details)
        {
            IsUnavailable = code is CUresult.CUDA_ERROR_NO_DEVICE or CUresult.CUDA_ERROR_STUB_LIBRARY,
            IsSticky = IsLost(code),
        };

    private const string NewProcess = " CUDA can do nothing more in this process; start a new one.";

    private static bool IsLost(CUresult code) => code is
        CUresult.CUDA_ERROR_ECC_UNCORRECTABLE or
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS or
        CUresult.CUDA_ERROR_LAUNCH_TIMEOUT or
        CUresult.CUDA_ERROR_ASSERT or
        CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR or
        CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION or
        CUresult.CUDA_ERROR_MISALIGNED_ADDRESS or
        CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE or
        CUresult.CUDA_ERROR_INVALID_PC or
        CUresult.CUDA_ERROR_LAUNCH_FAILED or
        CUresult.CUDA_ERROR_TENSOR_MEMORY_LEAK;

    private static string Compose(string library, string call, int code, string codeName, string text, string details)
    {
        string subject = call.Length == 0 ? library : $"{library}: {call}";
        return codeName.Length == 0
            ? $"{subject}: {text}.{details}"
            : $"{subject} answered {codeName} ({code}): {text}.{details}";
    }
}
