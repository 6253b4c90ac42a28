using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Names and explanations of the codes, as native strings that live as long as the process.</summary>
internal static unsafe class ErrorTexts
{
    private static readonly Dictionary<CUresult, (nint Name, nint Text)> All = Enum.GetValues<CUresult>().Distinct().ToDictionary(
        code => code,
        code => (Marshal.StringToCoTaskMemUTF8(code.ToString()), Marshal.StringToCoTaskMemUTF8(Explain(code))));

    public static byte* NameOf(CUresult code) => (byte*)All.GetValueOrDefault(code).Name;

    public static byte* TextOf(CUresult code) => (byte*)All.GetValueOrDefault(code).Text;

    // The name in words, where it says enough.
    private static string Explain(CUresult code) => code switch
    {
        CUresult.CUDA_SUCCESS => "no error",
        CUresult.CUDA_ERROR_INVALID_VALUE => "a parameter is out of its range; the emulator's findings say which",
        CUresult.CUDA_ERROR_INVALID_HANDLE => "a handle is not valid; the emulator's findings say why",
        CUresult.CUDA_ERROR_ILLEGAL_ADDRESS => "work on the device used an address that is not its own",
        CUresult.CUDA_ERROR_INVALID_PTX => "the PTX is refused",
        CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU => "the image is not for this device",
        CUresult.CUDA_ERROR_NOT_SUPPORTED => "the emulator does not do this",
        _ => code.ToString()["CUDA_ERROR_".Length..].ToLowerInvariant().Replace('_', ' '),
    };
}
