#pragma warning disable CS0649 // Fields are filled by FunctionTable.
namespace FeatureTransform.Cuda;

/// <summary>
/// NVRTC, by exact exported names; nvrtcProgram is <see langword="nint"/>, size_t is <see langword="nuint"/>. What only newer
/// versions than 12.4 export is optional. nvrtcGetNVVM is left out: it is deprecated, and gone in 13.
/// </summary>
internal sealed unsafe class NvrtcApi(ISymbolSource source) : FunctionTable(source, "NVRTC 12.0")
{
    // Version, errors
    public readonly delegate* unmanaged<nvrtcResult, byte*> nvrtcGetErrorString;
    public readonly delegate* unmanaged<int*, int*, nvrtcResult> nvrtcVersion;
    public readonly delegate* unmanaged<int*, nvrtcResult> nvrtcGetNumSupportedArchs;
    public readonly delegate* unmanaged<int*, nvrtcResult> nvrtcGetSupportedArchs;

    // Compilation
    public readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, nvrtcResult> nvrtcCreateProgram;
    public readonly delegate* unmanaged<nint*, nvrtcResult> nvrtcDestroyProgram;
    public readonly delegate* unmanaged<nint, int, byte**, nvrtcResult> nvrtcCompileProgram;
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetProgramLogSize;
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcGetProgramLog;

    // Results
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetPTXSize;
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcGetPTX;
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetCUBINSize;
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcGetCUBIN;
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetLTOIRSize;
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcGetLTOIR;
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetOptiXIRSize;
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcGetOptiXIR;

    // Names of C++ symbols
    public readonly delegate* unmanaged<nint, byte*, nvrtcResult> nvrtcAddNameExpression;
    public readonly delegate* unmanaged<nint, byte*, byte**, nvrtcResult> nvrtcGetLoweredName;

    // Precompiled headers, cancellation
    [OptionalSymbol]
    public readonly delegate* unmanaged<nuint*, nvrtcResult> nvrtcGetPCHHeapSize;
    [OptionalSymbol]
    public readonly delegate* unmanaged<nuint, nvrtcResult> nvrtcSetPCHHeapSize;
    [OptionalSymbol]
    public readonly delegate* unmanaged<nint, nvrtcResult> nvrtcGetPCHCreateStatus;
    [OptionalSymbol]
    public readonly delegate* unmanaged<nint, nuint*, nvrtcResult> nvrtcGetPCHHeapSizeRequired;
    [OptionalSymbol]
    public readonly delegate* unmanaged<nint, delegate* unmanaged<void*, void*, int>, void*, nvrtcResult> nvrtcSetFlowCallback;
}
