using Xunit;

namespace FeatureTransform.Cuda.Tests.Real;

public sealed unsafe class RealNcclTests
{
    [Fact]
    public void Nccl_has_a_version_texts_and_groups()
    {
        NcclApi api = Nccl();
        int version;
        api.ThrowIfFailed(api.ncclGetVersion(&version));
        Assert.True(version >= 21300, $"{version}");
        api.ThrowIfFailed(api.ncclGroupStart());
        api.ThrowIfFailed(api.ncclGroupEnd());
    }

    [Fact]
    public void A_failure_says_what_nccl_says()
    {
        NcclApi api = Nccl();
        CudaException exception = Assert.Throws<CudaException>(
            () => api.ThrowIfFailed(ncclResult_t.ncclInvalidArgument, "api.ncclAllReduce(a, b)"));
        Assert.Equal(("ncclAllReduce", 4, "ncclInvalidArgument"), (exception.Call, exception.Code, exception.CodeName));
        Assert.StartsWith("invalid argument", exception.Text, StringComparison.Ordinal);
    }

    private static NcclApi Nccl() => new(RealLibraries.Source("NCCL", NativeLibraries.Nccl, "lib/libnccl.so.2"));
}
