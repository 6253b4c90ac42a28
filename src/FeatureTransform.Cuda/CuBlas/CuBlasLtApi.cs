#pragma warning disable CS0649 // Fields are filled by FunctionTable.
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// cuBLASLt, by exact exported names: matrix products with epilogues. Its handle and its descriptors (cublasLtMatmulDesc_t,
/// cublasLtMatrixLayout_t, cublasLtMatmulPreference_t) are <see langword="nint"/>. Descriptors need no device.
/// </summary>
internal sealed unsafe class CuBlasLtApi(ISymbolSource source) : FunctionTable(source, "cuBLASLt 12.0")
{
    // Versions, errors, handles
    public readonly delegate* unmanaged<nuint> cublasLtGetVersion;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasLtGetStatusName;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasLtGetStatusString;
    public readonly delegate* unmanaged<nint*, cublasStatus_t> cublasLtCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtDestroy;

    // Descriptors; an attribute is passed by address and size
    public readonly delegate* unmanaged<nint*, cublasComputeType_t, cudaDataType, cublasStatus_t> cublasLtMatmulDescCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatmulDescDestroy;
    public readonly delegate* unmanaged<
        nint, cublasLtMatmulDescAttributes_t, void*, nuint, cublasStatus_t> cublasLtMatmulDescSetAttribute;
    public readonly delegate* unmanaged<
        nint, cublasLtMatmulDescAttributes_t, void*, nuint, nuint*, cublasStatus_t> cublasLtMatmulDescGetAttribute;
    public readonly delegate* unmanaged<nint*, cudaDataType, ulong, ulong, long, cublasStatus_t> cublasLtMatrixLayoutCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatrixLayoutDestroy;
    public readonly delegate* unmanaged<
        nint, cublasLtMatrixLayoutAttribute_t, void*, nuint, cublasStatus_t> cublasLtMatrixLayoutSetAttribute;
    public readonly delegate* unmanaged<nint*, cublasStatus_t> cublasLtMatmulPreferenceCreate;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasLtMatmulPreferenceDestroy;
    public readonly delegate* unmanaged<
        nint, cublasLtMatmulPreferenceAttributes_t, void*, nuint, cublasStatus_t> cublasLtMatmulPreferenceSetAttribute;

    // handle, operation, A, B, C, D, preference, requested, results, returned
    public readonly delegate* unmanaged<
        nint, nint, nint, nint, nint, nint, nint, int, cublasLtMatmulHeuristicResult_t*, int*,
        cublasStatus_t> cublasLtMatmulAlgoGetHeuristic;

    // handle, operation, alpha, A, Adesc, B, Bdesc, beta, C, Cdesc, D, Ddesc, algo, workspace, its bytes, stream
    public readonly delegate* unmanaged<
        nint, nint, void*, void*, nint, void*, nint, void*, void*, nint, void*, nint, cublasLtMatmulAlgo_t*, void*, nuint, nint,
        cublasStatus_t> cublasLtMatmul;

    public void ThrowIfFailed(cublasStatus_t status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
        {
            throw Failure(call, (int)status, cublasLtGetStatusName(status), cublasLtGetStatusString(status));
        }
    }
}
