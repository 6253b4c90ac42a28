using FeatureTransform.Cuda.Emulator.Tests.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.CuBlas;

/// <summary>The emulated cuBLASLt: what it computes, when, and what it refuses.</summary>
public sealed unsafe class CuBlasLtTests : HostTest
{
    private const int M = 3, N = 5, K = 4;

    private static readonly float[] A = [.. Enumerable.Range(0, M * K).Select(i => i - 5f)];
    private static readonly float[] B = [.. Enumerable.Range(0, K * N).Select(i => (0.5f * i) - 3)];
    private static readonly float[] Bias = [1, -2, 3, -4, 5];

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void A_product_equals_its_sums_however_its_operands_lie(bool transposeA, bool transposeB)
    {
        using var run = new Run(this);
        float[] a = transposeA ? Transposed(A, M, K) : A, b = transposeB ? Transposed(B, K, N) : B;
        Assert.Equal(
            Expected(relu: false, bias: false),
            run.Multiply(Product(ProductEpilogue.None) with { TransposeA = transposeA, TransposeB = transposeB }, a, b));
        AssertNothingIsLeft(run);
    }

    [Theory]
    [InlineData((int)ProductEpilogue.Bias, false)]
    [InlineData((int)ProductEpilogue.BiasRelu, true)]
    public void A_bias_is_added_to_each_row(int epilogue, bool relu)
    {
        using var run = new Run(this);
        Assert.Equal(Expected(relu, bias: true), run.Multiply(Product((ProductEpilogue)epilogue), A, B));
        AssertNothingIsLeft(run);
    }

    [Fact]
    public void TensorFloat32_keeps_ten_bits_of_the_operands()
    {
        // 1 + 2^-11 is half way and goes to the even 1; 1 + 3 2^-11 goes to 1 + 2^-9.
        using var run = new Run(this);
        MatrixProduct product = new(1, 1, 2, false, false, ProductPrecision.TensorFloat32, false, ProductEpilogue.None);
        float half = (float)Math.ScaleB(1, -11);
        Assert.Equal([1 + (1 + (4 * half))], run.Multiply(product, [1 + half, 1 + (3 * half)], [1, 1]));
        Assert.Equal(
            [1 + half + (1 + (3 * half))],
            run.Multiply(product with { Precision = ProductPrecision.Float32 }, [1 + half, 1 + (3 * half)], [1, 1]));
        AssertNothingIsLeft(run);
    }

    [Fact]
    public void A_captured_product_runs_at_each_launch_of_the_graph()
    {
        using var run = new Run(this);
        _ = run.Multiply(Product(ProductEpilogue.None), A, B); // planned before
        run.Stream.BeginCapture();
        run.Queue(Product(ProductEpilogue.None));
        float[] before;
        using (CudaGraph graph = run.Stream.EndCapture())
        using (CudaGraphExec exec = graph.Instantiate())
        {
            run.Upload([.. A.Select(x => 2 * x)], run.MatrixA);
            before = run.Download();
            exec.Launch(run.Stream);
            run.Stream.Synchronize();
        }

        Assert.Equal(Expected(relu: false, bias: false), before);
        Assert.Equal([.. before.Select(x => 2 * x)], run.Download());
        AssertNothingIsLeft(run);
    }

    [Fact]
    public void Work_waits_for_the_stream()
    {
        using var run = new Run(this);
        run.Upload(A, run.MatrixA);
        run.Upload(B, run.MatrixB);
        run.Queue(Product(ProductEpilogue.None));
        float* now = stackalloc float[1];
        using var other = new CudaStream(Context);
        run.Result.Slice(0, 4).CopyTo(new Span<float>(now, 1), other); // another stream does not wait
        Assert.True(float.IsNaN(*now));
        Assert.Contains(Emulator.Findings, finding => finding.Kind == "uninitialised copy to the host");
        Emulator.ClearFindings();
        Assert.Equal(Expected(relu: false, bias: false), run.Download());
    }

    [Theory]
    [InlineData("A", "uninitialised operand")]
    [InlineData("overlap", "overlap")]
    [InlineData("bounds", "past its end")]
    [InlineData("alignment", "not aligned to 16 bytes")]
    [InlineData("workspace", "bytes of workspace")]
    [InlineData("bias", "the bias at 0x0")]
    public void A_wrong_address_is_found(string defect, string message)
    {
        using var run = new Run(this);
        MatrixProduct product = Product(defect == "bias" ? ProductEpilogue.Bias : ProductEpilogue.None);
        if (defect != "A")
        {
            run.Upload(A, run.MatrixA);
        }

        run.Upload(B, run.MatrixB);
        ulong d = defect switch
        {
            "overlap" => run.MatrixB.Address,
            "bounds" => run.Result.Address + 16,
            "alignment" => run.Result.Address + 4,
            _ => run.Result.Address,
        };
        _ = Record.Exception(() => run.Blas.Multiply(
            product, run.MatrixA.Address, run.MatrixB.Address, 0, d, defect == "workspace" ? 1 : run.Workspace.Address, run.Stream));
        run.Stream.Synchronize();
        Assert.Contains(Emulator.Findings, finding => finding.ToString().Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public void An_algorithm_for_another_product_and_wrong_descriptors_are_refused()
    {
        using var run = new Run(this);
        var api = new CuBlasLtApi(Emulator.CuBlasLt);
        using CudaContextScope scope = Context.MakeCurrent();
        nint handle, operation, a, b, d, wide, preference;
        api.ThrowIfFailed(api.cublasLtCreate(&handle));
        api.ThrowIfFailed(api.cublasLtMatmulDescCreate(&operation, cublasComputeType_t.CUBLAS_COMPUTE_32F, cudaDataType.CUDA_R_32F));
        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&a, cudaDataType.CUDA_R_32F, N, K, N));
        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&b, cudaDataType.CUDA_R_32F, K, M, K));
        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&d, cudaDataType.CUDA_R_32F, N, M, N));
        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&wide, cudaDataType.CUDA_R_32F, N, M, N + 4));
        api.ThrowIfFailed(api.cublasLtMatmulPreferenceCreate(&preference));
        cublasLtMatmulHeuristicResult_t found;
        int count;
        api.ThrowIfFailed(api.cublasLtMatmulAlgoGetHeuristic(handle, operation, a, b, d, d, preference, 1, &found, &count));
        Assert.Equal((1, (nuint)0), (count, found.workspaceSize)); // the preference allows none
        Assert.Equal(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, Matmul(run, api, [handle, operation, a, b, wide], &found.algo));
        Assert.Contains(Emulator.Findings, finding => finding.Message.Contains("none that was chosen", StringComparison.Ordinal));
        Assert.Equal(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, Matmul(run, api, [handle, operation, a, b, a], null)); // A's shape for D
        Assert.Contains(Emulator.Findings, finding => finding.Message.Contains("does not give D", StringComparison.Ordinal));
        int size = sizeof(int);
        Assert.Equal(
            cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE,
            api.cublasLtMatmulDescSetAttribute(operation, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA, &size, 8));
        Emulator.ClearFindings();
        api.ThrowIfFailed(api.cublasLtMatmulDescDestroy(operation));
        Assert.Equal(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, api.cublasLtMatmulDescDestroy(operation));
        Assert.Contains(Emulator.Findings, finding => finding.Kind == "double destroy");
    }

    [Fact]
    public void What_is_not_destroyed_is_found_at_the_end()
    {
        nint created;
        var api = new CuBlasLtApi(Emulator.CuBlasLt);
        using (Context.MakeCurrent())
        {
            api.ThrowIfFailed(api.cublasLtCreate(&created));
            api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&created, cudaDataType.CUDA_R_32F, 1, 1, 1));
        }

        Release();
        Emulator.Dispose();
        Assert.Contains(Emulator.Findings, finding => finding.Message.Contains("1 blashandle left", StringComparison.Ordinal));
        Assert.Contains(Emulator.Findings, finding => finding.Message.Contains("1 blaslayout left", StringComparison.Ordinal));
    }

    // Objects: the handle, the operation, and the layouts of A, B and D.
    private static cublasStatus_t Matmul(Run run, CuBlasLtApi api, ReadOnlySpan<nint> objects, cublasLtMatmulAlgo_t* algorithm)
    {
        float one = 1, zero = 0;
        return api.cublasLtMatmul(
            objects[0], objects[1], &one, (void*)run.MatrixB.Address, objects[2], (void*)run.MatrixA.Address, objects[3], &zero,
            (void*)run.Result.Address, objects[4], (void*)run.Result.Address, objects[4], algorithm, null, 0, run.Stream.Handle);
    }

    private static MatrixProduct Product(ProductEpilogue epilogue) =>
        new(M, N, K, false, false, ProductPrecision.Float32, false, epilogue);

    // All numbers are exact in fp32.
    private static float[] Expected(bool relu, bool bias) =>
    [
        .. from row in Enumerable.Range(0, M)
           from column in Enumerable.Range(0, N)
           let sum = Enumerable.Range(0, K).Sum(i => A[(row * K) + i] * B[(i * N) + column]) + (bias ? Bias[column] : 0)
           select relu ? Math.Max(sum, 0) : sum,
    ];

    private static float[] Transposed(float[] matrix, int rows, int columns) =>
        [.. from column in Enumerable.Range(0, columns) from row in Enumerable.Range(0, rows) select matrix[(row * columns) + column]];

    private void AssertNothingIsLeft(Run run)
    {
        run.Dispose();
        Release();
        Emulator.Dispose();
        AssertNoFindings();
    }

    private sealed class Run : IDisposable
    {
        public Run(CuBlasLtTests test)
        {
            Stream = new CudaStream(test.Context);
            Blas = new CuBlasLt(test.Context, test.Emulator.CuBlasLt, 1 << 20);
            (MatrixA, MatrixB) = (new DeviceMemory(test.Context, M * K * 4), new DeviceMemory(test.Context, K * N * 4));
            (Result, Workspace) = (new DeviceMemory(test.Context, M * N * 4), new DeviceMemory(test.Context, 1 << 12));
            BiasRow = new DeviceMemory(test.Context, N * 4);
            BiasRow.CopyFrom<float>(CuBlasLtTests.Bias, Stream);
        }

        public CudaStream Stream { get; }

        public CuBlasLt Blas { get; }

        public DeviceMemory MatrixA { get; }

        public DeviceMemory MatrixB { get; }

        public DeviceMemory Result { get; }

        public DeviceMemory Workspace { get; }

        private DeviceMemory BiasRow { get; }

        public void Upload(float[] values, DeviceMemory target) => target.CopyFrom<float>(values, Stream);

        public void Queue(MatrixProduct product) => Blas.Multiply(
            product, MatrixA.Address, MatrixB.Address, product.Epilogue == ProductEpilogue.None ? 0 : BiasRow.Address, Result.Address,
            Workspace.Address, Stream);

        public float[] Download(int count = M * N)
        {
            var values = new float[count];
            Result.CopyTo<float>(values, Stream);
            return values;
        }

        public float[] Multiply(MatrixProduct product, float[] a, float[] b)
        {
            Upload(a, MatrixA);
            Upload(b, MatrixB);
            Queue(product);
            return Download(product.M * product.N);
        }

        public void Dispose()
        {
            Blas.Dispose();
            foreach (DeviceMemory memory in new[] { MatrixA, MatrixB, Result, Workspace, BiasRow })
            {
                memory.Dispose();
            }

            Stream.Dispose();
        }
    }
}
