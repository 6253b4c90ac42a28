namespace FeatureTransform.Cuda;

/// <summary>
/// Matrix products by cuBLASLt in one context. Descriptors and the algorithm that the library's heuristics choose are kept for
/// each product, so that after its first time a product allocates nothing. For one thread at a time.
/// </summary>
internal sealed unsafe class CuBlasLt : CudaObject
{
    /// <summary>Least alignment of each operand.</summary>
    public const int OperandAlignment = 16;

    private readonly CuBlasLtApi api;
    private readonly long workspaceLimit;
    private readonly Dictionary<MatrixProduct, Plan> plans = [];

    // cuBLASLt counts in columns, where our row-major D is D^T = op(B)^T op(A)^T: First is our B, Second our A.
    private sealed class Plan
    {
        public nint Operation, First, Second, Result;
        public cublasLtMatmulAlgo_t Algorithm;
        public long WorkspaceBytes;
    }

    /// <summary>Takes cuBLASLt's functions from a source and makes its handle.</summary>
    /// <param name="context">Where products run.</param>
    /// <param name="source">cuBLASLt, or what stands in for it.</param>
    /// <param name="workspaceLimit">Most bytes of workspace that an algorithm may need.</param>
    /// <exception cref="CudaException">A function is missing, or the library refuses.</exception>
    public CuBlasLt(CudaContext context, ISymbolSource source, long workspaceLimit)
        : base(context, owned: true)
    {
        api = new CuBlasLtApi(source);
        this.workspaceLimit = workspaceLimit;
        using CudaContextScope scope = context.MakeCurrent();
        nint created;
        api.ThrowIfFailed(api.cublasLtCreate(&created));
        Own(created);
    }

    /// <summary>What messages call the library, with its version.</summary>
    public string Description
    {
        get
        {
            nuint version = api.cublasLtGetVersion();
            return $"{api.Name} {version / 10000}.{version / 100 % 100}.{version % 100}";
        }
    }

    /// <summary>Bytes of workspace that <see cref="Multiply"/> needs for a product.</summary>
    /// <param name="product">The product.</param>
    /// <param name="bias">Address of a bias that it will be given; 0 where it has none.</param>
    /// <exception cref="CudaException">The library has no algorithm for it.</exception>
    public long GetWorkspaceBytes(in MatrixProduct product, ulong bias) => PlanOf(product, bias).WorkspaceBytes;

    /// <summary>Computes a product, in the order of a stream. Does not wait; can be captured once the product is planned.</summary>
    /// <param name="product">What is computed.</param>
    /// <param name="a">Address of A, a multiple of <see cref="OperandAlignment"/>, as all addresses are.</param>
    /// <param name="b">Address of B.</param>
    /// <param name="bias">Address of the bias; 0 where the product has none.</param>
    /// <param name="d">Address of D.</param>
    /// <param name="workspace">Address of the workspace; 0 where none is needed.</param>
    /// <param name="stream">A stream of the context.</param>
    /// <exception cref="CudaException">The library refuses, or has no algorithm for it.</exception>
    public void Multiply(in MatrixProduct product, ulong a, ulong b, ulong bias, ulong d, ulong workspace, CudaStream stream)
    {
        Plan plan = PlanOf(product, bias);
        using CudaContextScope scope = Context.MakeCurrent();
        SetBias(plan.Operation, product, bias);
        float one = 1, zero = 0;
        fixed (cublasLtMatmulAlgo_t* algorithm = &plan.Algorithm)
        {
            api.ThrowIfFailed(api.cublasLtMatmul(
                Handle, plan.Operation, &one, (void*)b, plan.First, (void*)a, plan.Second, &zero, (void*)d, plan.Result, (void*)d,
                plan.Result, algorithm, (void*)workspace, (nuint)plan.WorkspaceBytes, stream.Handle));
        }
        GC.KeepAlive(this);
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy()
    {
        foreach (Plan plan in plans.Values)
        {
            Destroy(plan);
        }
        plans.Clear();
        return api.cublasLtDestroy(handle) == cublasStatus_t.CUBLAS_STATUS_SUCCESS
            ? CUresult.CUDA_SUCCESS
            : CUresult.CUDA_ERROR_INVALID_HANDLE;
    }

    private Plan PlanOf(in MatrixProduct product, ulong bias)
    {
        if (!plans.TryGetValue(product, out Plan? plan))
        {
            using CudaContextScope scope = Context.MakeCurrent();
            plan = new Plan();
            try
            {
                Describe(plan, product, bias);
                Choose(plan, product);
            }
            catch
            {
                Destroy(plan);
                throw;
            }
            plans.Add(product, plan);
        }
        return plan;
    }

    private void Describe(Plan plan, in MatrixProduct product, ulong bias)
    {
        cublasComputeType_t compute = product.Precision == ProductPrecision.TensorFloat32
            ? cublasComputeType_t.CUBLAS_COMPUTE_32F_FAST_TF32
            : cublasComputeType_t.CUBLAS_COMPUTE_32F;
        cudaDataType operand =
            product.Precision == ProductPrecision.BFloat16 ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
        cudaDataType result = product.RoundsResult ? cudaDataType.CUDA_R_16BF : cudaDataType.CUDA_R_32F;
        nint created;
        api.ThrowIfFailed(api.cublasLtMatmulDescCreate(&created, compute, cudaDataType.CUDA_R_32F));
        plan.Operation = created;
        Set(created, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, Operation(product.TransposeB));
        Set(created, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSB, Operation(product.TransposeA));
        Set(created, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, product.Epilogue switch
        {
            ProductEpilogue.Bias => cublasLtEpilogue_t.CUBLASLT_EPILOGUE_BIAS,
            ProductEpilogue.BiasRelu => cublasLtEpilogue_t.CUBLASLT_EPILOGUE_RELU_BIAS,
            _ => cublasLtEpilogue_t.CUBLASLT_EPILOGUE_DEFAULT,
        });
        SetBias(created, product, bias);
        plan.First = Layout(operand, product.TransposeB ? (product.N, product.K) : (product.K, product.N));
        plan.Second = Layout(operand, product.TransposeA ? (product.K, product.M) : (product.M, product.K));
        plan.Result = Layout(result, (product.M, product.N));
    }

    private void Choose(Plan plan, in MatrixProduct product)
    {
        nint preference;
        api.ThrowIfFailed(api.cublasLtMatmulPreferenceCreate(&preference));
        try
        {
            Set(preference, cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, (ulong)workspaceLimit);
            ReadOnlySpan<cublasLtMatmulPreferenceAttributes_t> alignments =
            [
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
            ];
            foreach (cublasLtMatmulPreferenceAttributes_t alignment in alignments)
            {
                Set(preference, alignment, (uint)OperandAlignment);
            }
            cublasLtMatmulHeuristicResult_t found;
            int count = 0;
            cublasStatus_t status = api.cublasLtMatmulAlgoGetHeuristic(
                Handle, plan.Operation, plan.First, plan.Second, plan.Result, plan.Result, preference, 1, &found, &count);
            if (status is not (cublasStatus_t.CUBLAS_STATUS_SUCCESS or cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED))
            {
                api.ThrowIfFailed(status, nameof(api.cublasLtMatmulAlgoGetHeuristic));
            }
            if (status == cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED || count == 0
                || found.state != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            {
                throw CudaException.Unavailable(
                    api.Name, nameof(api.cublasLtMatmulAlgoGetHeuristic), $"there is no algorithm for {product}");
            }
            (plan.Algorithm, plan.WorkspaceBytes) = (found.algo, (long)found.workspaceSize);
        }
        finally
        {
            api.cublasLtMatmulPreferenceDestroy(preference);
        }
    }

    private void SetBias(nint operation, in MatrixProduct product, ulong bias)
    {
        if (product.Epilogue != ProductEpilogue.None)
        {
            Set(operation, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
        }
    }

    /// <summary>A row-major matrix, which is its column-major transpose.</summary>
    private nint Layout(cudaDataType type, (int Rows, int Columns) size)
    {
        nint layout;
        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&layout, type, (ulong)size.Columns, (ulong)size.Rows, size.Columns));
        return layout;
    }

    private void Destroy(Plan plan)
    {
        foreach (nint layout in (ReadOnlySpan<nint>)[plan.First, plan.Second, plan.Result])
        {
            if (layout != 0)
            {
                api.cublasLtMatrixLayoutDestroy(layout);
            }
        }
        if (plan.Operation != 0)
        {
            api.cublasLtMatmulDescDestroy(plan.Operation);
        }
    }

    private static cublasOperation_t Operation(bool transposes) =>
        transposes ? cublasOperation_t.CUBLAS_OP_T : cublasOperation_t.CUBLAS_OP_N;

    private void Set<T>(nint operation, cublasLtMatmulDescAttributes_t attribute, T value)
        where T : unmanaged =>
        api.ThrowIfFailed(api.cublasLtMatmulDescSetAttribute(operation, attribute, &value, (nuint)sizeof(T)));

    private void Set<T>(nint preference, cublasLtMatmulPreferenceAttributes_t attribute, T value)
        where T : unmanaged =>
        api.ThrowIfFailed(api.cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, (nuint)sizeof(T)));
}
