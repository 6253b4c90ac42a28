#pragma warning disable CS0649 // Fields are filled by FunctionTable.
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// cuBLAS, by exact exported names; cublasHandle_t and cudaStream_t are <see langword="nint"/>. Matrices are column-major. A
/// handle belongs to the context that was current when it was made, and to one thread at a time.
/// </summary>
internal sealed unsafe class CuBlasApi(ISymbolSource source) : FunctionTable(source, "cuBLAS 12.0")
{
    // Versions, errors
    public readonly delegate* unmanaged<libraryPropertyType, int*, cublasStatus_t> cublasGetProperty;
    public readonly delegate* unmanaged<nint, int*, cublasStatus_t> cublasGetVersion_v2;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasGetStatusName;
    public readonly delegate* unmanaged<cublasStatus_t, byte*> cublasGetStatusString;

    // Handles
    public readonly delegate* unmanaged<nint*, cublasStatus_t> cublasCreate_v2;
    public readonly delegate* unmanaged<nint, cublasStatus_t> cublasDestroy_v2;
    public readonly delegate* unmanaged<nint, nint, cublasStatus_t> cublasSetStream_v2;
    public readonly delegate* unmanaged<nint, void*, nuint, cublasStatus_t> cublasSetWorkspace_v2;
    public readonly delegate* unmanaged<nint, cublasPointerMode_t, cublasStatus_t> cublasSetPointerMode_v2;
    public readonly delegate* unmanaged<nint, cublasMath_t, cublasStatus_t> cublasSetMathMode;

    // handle, transa, transb, m, n, k, alpha, A, Atype, lda, B, Btype, ldb, beta, C, Ctype, ldc, computeType, algo
    public readonly delegate* unmanaged<
        nint, cublasOperation_t, cublasOperation_t, int, int, int, void*, void*, cudaDataType, int,
        void*, cudaDataType, int, void*, void*, cudaDataType, int,
        cublasComputeType_t, cublasGemmAlgo_t, cublasStatus_t> cublasGemmEx;

    // As above, with strideA, strideB and strideC after the leading dimensions, and batchCount
    public readonly delegate* unmanaged<
        nint, cublasOperation_t, cublasOperation_t, int, int, int, void*, void*, cudaDataType, int, long,
        void*, cudaDataType, int, long, void*, void*, cudaDataType, int, long, int,
        cublasComputeType_t, cublasGemmAlgo_t, cublasStatus_t> cublasGemmStridedBatchedEx;

    public void ThrowIfFailed(cublasStatus_t status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
        {
            throw Failure(call, (int)status, cublasGetStatusName(status), cublasGetStatusString(status));
        }
    }
}
