using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>A handle of cuBLASLt, which belongs to the context that was current when it was made.</summary>
internal sealed class BlasHandle(EmulatedContext context)
    : HostObject(context, HandleKind.BlasHandle, nameof(CuBlasLtApi.cublasLtCreate));

/// <summary>cublasLtMatmulDesc_t: what is computed.</summary>
internal sealed record BlasOperation
{
    public cublasComputeType_t Compute { get; set; }

    public cudaDataType Scale { get; set; }

    public cublasPointerMode_t PointerMode { get; set; } = cublasPointerMode_t.CUBLAS_POINTER_MODE_HOST;

    public cublasOperation_t TransA { get; set; } = cublasOperation_t.CUBLAS_OP_N;

    public cublasOperation_t TransB { get; set; } = cublasOperation_t.CUBLAS_OP_N;

    public cublasLtEpilogue_t Epilogue { get; set; } = cublasLtEpilogue_t.CUBLASLT_EPILOGUE_DEFAULT;

    public ulong Bias { get; set; }

    /// <summary>Null: the type of D.</summary>
    public cudaDataType? BiasType { get; set; }

    public bool AddsBias =>
        Epilogue is cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS or cublasLtEpilogue_t.CUBLASLT_EPILOGUE_RELU_BIAS;

    public bool IsRelu =>
        Epilogue is cublasLtEpilogue_t.CUBLASLT_EPILOGUE_RELU or cublasLtEpilogue_t.CUBLASLT_EPILOGUE_RELU_BIAS;
}

/// <summary>cublasLtMatrixLayout_t: how a matrix lies in memory, column by column.</summary>
internal sealed record BlasLayout(cudaDataType Type, ulong Rows, ulong Columns, long LeadingDimension)
{
    public int ElementBytes => Type == cudaDataType.CUDA_R_32F ? sizeof(float) : sizeof(ushort);

    /// <summary>From the first element to behind the last.</summary>
    public ulong Bytes => (((Columns - 1) * (ulong)LeadingDimension) + Rows) * (ulong)ElementBytes;

    public override string ToString() => $"{Rows} x {Columns} {Type} (ld {LeadingDimension})";
}

/// <summary>cublasLtMatmulPreference_t: what an algorithm may ask for.</summary>
internal sealed class BlasPreference
{
    public ulong MaxWorkspaceBytes { get; set; }

    /// <summary>Of A, B, C and D.</summary>
    public uint[] Alignments { get; } = [256, 256, 256, 256];
}
