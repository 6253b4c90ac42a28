namespace FeatureTransform.Cuda;

/// <summary>
/// Where each of CUDA's libraries is looked for: the names on Linux and on Windows, and the variable that overrides them.
/// </summary>
internal static class NativeLibraries
{
    public static NativeLibrarySource Driver() => Load("CUDA driver", "CUDA_DRIVER", ["libcuda.so.1"], ["nvcuda.dll"]);

    /// <param name="newest">The newest major version that is looked for.</param>
    public static NativeLibrarySource Nvrtc(int newest = int.MaxValue)
    {
        int[] versions = newest >= 13 ? [13, 12] : [12];
        return Load("NVRTC", "NVRTC",
            [.. versions.Select(version => $"libnvrtc.so.{version}")],
            [.. versions.Select(version => $"nvrtc64_{version}0_0.dll")]);
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
        new(library, "FEATURETRANSFORM_" + variable, OperatingSystem.IsWindows() ? windows : linux);
}
