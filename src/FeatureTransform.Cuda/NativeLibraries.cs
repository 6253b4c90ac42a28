namespace FeatureTransform.Cuda;

/// <summary>
/// Where each of CUDA's libraries is looked for: the names on Linux and on Windows, and the variable that overrides them.
/// </summary>
internal static class NativeLibraries
{
    private const string NvrtcVariable = Prefix + "NVRTC";
    private const string Prefix = "FEATURETRANSFORM_";

    public static NativeLibrarySource Driver() => Load("CUDA driver", "CUDA_DRIVER", ["libcuda.so.1"], ["nvcuda.dll"]);

    /// <param name="newest">The newest major version that is looked for.</param>
    public static NativeLibrarySource Nvrtc(int newest = int.MaxValue) =>
        new("NVRTC", NvrtcVariable, NvrtcNames(newest));

    /// <summary>
    /// What <see cref="LibraryFile"/> says of the file that <see cref="Nvrtc"/> would load; null where only the loader can tell.
    /// </summary>
    public static string? IdentifyNvrtc(int newest)
    {
        string? given = Environment.GetEnvironmentVariable(NvrtcVariable);
        string? file = string.IsNullOrEmpty(given) ? LibraryFile.Find(NvrtcNames(newest)) : LibraryFile.Find(given);
        return file is null ? null : LibraryFile.Identify(file);
    }

    public static NativeLibrarySource CuBlas() =>
        AfterDriver("cuBLAS", "CUBLAS", ["libcublas.so.13", "libcublas.so.12"], ["cublas64_13.dll", "cublas64_12.dll"]);

    public static NativeLibrarySource CuBlasLt() =>
        AfterDriver(
            "cuBLASLt", "CUBLASLT", ["libcublasLt.so.13", "libcublasLt.so.12"], ["cublasLt64_13.dll", "cublasLt64_12.dll"]);

    public static NativeLibrarySource CuDnn() => AfterDriver("cuDNN", "CUDNN", ["libcudnn.so.9"], ["cudnn64_9.dll"]);

    public static NativeLibrarySource Nccl() => AfterDriver("NCCL", "NCCL", ["libnccl.so.2"], []);

    /// <summary>These load the driver by its bare name themselves: one that a variable names must be there before.</summary>
    private static NativeLibrarySource AfterDriver(string library, string variable, string[] linux, string[] windows)
    {
        try
        {
            Driver();
        }
        catch (CudaException)
        {
            // They load without a driver too, and say later, on a call, that there is none.
        }
        return Load(library, variable, linux, windows);
    }

    private static NativeLibrarySource Load(string library, string variable, string[] linux, string[] windows) =>
        new(library, Prefix + variable, OperatingSystem.IsWindows() ? windows : linux);

    private static string[] NvrtcNames(int newest)
    {
        string[] names = OperatingSystem.IsWindows()
            ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
            : ["libnvrtc.so.13", "libnvrtc.so.12"];
        return newest >= 13 ? names : names[1..];
    }
}
