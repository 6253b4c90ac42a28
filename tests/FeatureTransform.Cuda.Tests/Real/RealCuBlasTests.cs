using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Cuda.Tests.Real;

public sealed unsafe class RealCuBlasTests
{
    [Fact]
    public void CuBlas_has_a_version_and_texts()
    {
        CuBlasApi api = CuBlas();
        int major;
        api.ThrowIfFailed(api.cublasGetProperty(libraryPropertyType.MAJOR_VERSION, &major));
        Assert.True(major >= 12, $"{major}");
        Assert.Equal("CUBLAS_STATUS_NOT_SUPPORTED", Text(api.cublasGetStatusName(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED)));
        Assert.All(
            Enum.GetValues<cublasStatus_t>(),
            status => Assert.Equal(status.ToString(), Text(api.cublasGetStatusName(status))));
        Assert.NotNull(Text(api.cublasGetStatusString(cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED)));
    }

    [Fact]
    public void CuBlas_needs_a_device()
    {
        CuBlasApi api = CuBlas();
        Assert.SkipWhen(RealLibraries.MayHaveDevice, "This is about machines without a device.");
        nint handle;
        CudaException exception = Assert.Throws<CudaException>(() => Create(api));
        Assert.Equal(
            (1, "CUBLAS_STATUS_NOT_INITIALIZED", "cublasCreate_v2"), (exception.Code, exception.CodeName, exception.Call));
        Assert.Equal(cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED, CuBlasLt().cublasLtCreate(&handle));

        static void Create(CuBlasApi api)
        {
            nint handle;
            api.ThrowIfFailed(api.cublasCreate_v2(&handle));
        }
    }

    [Fact]
    public void CuBlasLt_describes_products_without_a_device()
    {
        CuBlasLtApi api = CuBlasLt();
        Assert.True(api.cublasLtGetVersion() >= 120000);

        nint product, layout, preference;
        api.ThrowIfFailed(api.cublasLtMatmulDescCreate(
            &product, cublasComputeType_t.CUBLAS_COMPUTE_32F, cudaDataType.CUDA_R_32F));
        var epilogue = cublasLtEpilogue_t.CUBLASLT_EPILOGUE_RELU_BIAS;
        api.ThrowIfFailed(api.cublasLtMatmulDescSetAttribute(
            product, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof(cublasLtEpilogue_t)));
        cublasComputeType_t compute;
        cublasLtEpilogue_t read;
        nuint written;
        api.ThrowIfFailed(api.cublasLtMatmulDescGetAttribute(
            product, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &read, sizeof(cublasLtEpilogue_t), &written));
        Assert.Equal((epilogue, (nuint)4), (read, written));
        api.ThrowIfFailed(api.cublasLtMatmulDescGetAttribute(
            product, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, &compute, 4, &written));
        Assert.Equal(cublasComputeType_t.CUBLAS_COMPUTE_32F, compute);

        api.ThrowIfFailed(api.cublasLtMatrixLayoutCreate(&layout, cudaDataType.CUDA_R_16BF, 128, 256, 130));
        var order = cublasLtOrder_t.CUBLASLT_ORDER_ROW;
        api.ThrowIfFailed(api.cublasLtMatrixLayoutSetAttribute(
            layout, cublasLtMatrixLayoutAttribute_t.CUBLASLT_MATRIX_LAYOUT_ORDER, &order, sizeof(cublasLtOrder_t)));
        api.ThrowIfFailed(api.cublasLtMatmulPreferenceCreate(&preference));
        ulong workspace = 1 << 25;
        api.ThrowIfFailed(api.cublasLtMatmulPreferenceSetAttribute(
            preference, cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, 8));

        // A wrong size is noticed, and said.
        Assert.Equal(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, api.cublasLtMatmulDescSetAttribute(
            product, cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 1));
        CudaException exception = Assert.Throws<CudaException>(
            () => api.ThrowIfFailed(cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE, "api.cublasLtMatmul(lt, x)"));
        Assert.Equal(("cublasLtMatmul", "CUBLAS_STATUS_INVALID_VALUE"), (exception.Call, exception.CodeName));

        api.ThrowIfFailed(api.cublasLtMatmulPreferenceDestroy(preference));
        api.ThrowIfFailed(api.cublasLtMatrixLayoutDestroy(layout));
        api.ThrowIfFailed(api.cublasLtMatmulDescDestroy(product));
    }

    private static CuBlasApi CuBlas()
    {
        CuBlasLt(); // which it asks for by name
        return new CuBlasApi(RealLibraries.Source("cuBLAS", NativeLibraries.CuBlas, "lib/libcublas.so.12"));
    }

    private static CuBlasLtApi CuBlasLt() =>
        new(RealLibraries.Source("cuBLASLt", NativeLibraries.CuBlasLt, "lib/libcublasLt.so.12"));

    private static string? Text(byte* text) => Marshal.PtrToStringUTF8((nint)text);
}
