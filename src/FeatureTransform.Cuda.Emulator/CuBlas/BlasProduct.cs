using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>D = alpha op(A) op(B) + beta C, as its descriptors say it at the time of a call.</summary>
internal sealed record BlasProduct(BlasOperation Operation, BlasLayout A, BlasLayout B, BlasLayout C, BlasLayout D)
{
    public ulong M => D.Rows;

    public ulong N => D.Columns;

    public ulong K => Operation.TransA == cublasOperation_t.CUBLAS_OP_N ? A.Columns : A.Rows;

    /// <summary>Whether operands keep 10 bits of mantissa.</summary>
    public bool IsTensorFloat32 => Operation.Compute == cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32;

    /// <exception cref="CallRefused">The library would not compute it.</exception>
    public void Check()
    {
        foreach (BlasLayout layout in (BlasLayout[])[A, B, C, D])
        {
            if (layout.Rows == 0 || layout.Columns == 0 || layout.LeadingDimension < (long)layout.Rows)
            {
                throw Invalid($"a matrix of {layout}");
            }
        }
        bool transA = Operation.TransA != cublasOperation_t.CUBLAS_OP_N, transB = Operation.TransB != cublasOperation_t.CUBLAS_OP_N;
        (ulong rows, ulong inner) = transA ? (A.Columns, A.Rows) : (A.Rows, A.Columns);
        (ulong innerB, ulong columns) = transB ? (B.Columns, B.Rows) : (B.Rows, B.Columns);
        if (rows != M || columns != N || inner != innerB || C.Rows != M || C.Columns != N)
        {
            throw Invalid($"{Operation.TransA} of {A} times {Operation.TransB} of {B}, with C {C}, does not give D {D}");
        }
        CheckTypes();
        CheckEpilogue();
        if (Operation.PointerMode != cublasPointerMode_t.CUBLAS_POINTER_MODE_HOST)
        {
            throw Unsupported($"{Operation.PointerMode} is not emulated");
        }
    }

    private void CheckTypes()
    {
        bool operandsAreFloat = A.Type == cudaDataType.CUDA_R_32F, resultIsFloat = D.Type == cudaDataType.CUDA_R_32F;
        bool supported = Operation.Scale == cudaDataType.CUDA_R_32F && A.Type == B.Type && C.Type == D.Type
            && A.Type != cudaDataType.CUDA_R_16F && D.Type != cudaDataType.CUDA_R_16F
            && (operandsAreFloat ? resultIsFloat : Operation.Compute == cublasComputeType_t.CUBLAS_COMPUTE_32F);
        if (!supported)
        {
            throw Unsupported(
                $"{Operation.Compute} with scale {Operation.Scale} of A {A.Type} and B {B.Type} to C {C.Type} and D {D.Type}");
        }
    }

    private void CheckEpilogue()
    {
        if (Operation.Epilogue != cublasLtEpilogue_t.CUBLASLT_EPILOGUE_DEFAULT && !Operation.AddsBias && !Operation.IsRelu)
        {
            throw Unsupported($"{Operation.Epilogue} is not emulated");
        }
        if (Operation.AddsBias && Operation.BiasType is { } type && type != D.Type)
        {
            throw Unsupported($"a bias of {type} with D of {D.Type}");
        }
    }

    private static CallRefused Invalid(string message) =>
        new(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, message);

    private static CallRefused Unsupported(string message) =>
        new(CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall, message);
}

/// <summary>What a call of cublasLtMatmul is given besides descriptors.</summary>
internal readonly record struct BlasAddresses(ulong A, ulong B, ulong C, ulong D, ulong Workspace, nuint WorkspaceBytes);
