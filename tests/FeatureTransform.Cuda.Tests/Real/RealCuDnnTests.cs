using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Cuda.Tests.Real;

public sealed unsafe class RealCuDnnTests
{
    [Fact]
    public void CuDnn_has_a_version_and_texts()
    {
        CuDnnApi api = CuDnn();
        Assert.True(api.cudnnGetVersion() >= 90000);
        Assert.All(
            Enum.GetValues<cudnnStatus_t>(),
            status => Assert.Equal(status.ToString(), Marshal.PtrToStringUTF8((nint)api.cudnnGetErrorString(status))));
    }

    [Fact]
    public void CuDnn_needs_a_device()
    {
        CuDnnApi api = CuDnn();
        Assert.SkipWhen(RealLibraries.MayHaveDevice, "This is about machines without a device.");
        CudaException exception = Assert.Throws<CudaException>(() => Create(api));
        Assert.Equal((1001, "CUDNN_STATUS_NOT_INITIALIZED", "cudnnCreate"), (exception.Code, exception.CodeName, exception.Call));

        static void Create(CuDnnApi api)
        {
            nint handle;
            api.ThrowIfFailed(api.cudnnCreate(&handle));
        }
    }

    /// <summary>A tensor of 2 x 3 x 5 x 7 in NHWC: each attribute is taken, and given back.</summary>
    [Fact]
    public void A_descriptor_takes_attributes()
    {
        CuDnnApi api = CuDnn();
        nint created;
        api.ThrowIfFailed(api.cudnnBackendCreateDescriptor(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR, &created));
        nint tensor = created;
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [9]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS, [2, 3, 5, 7]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES, [105, 1, 21, 3]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, [17]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, [16]);

        // A wrong type of attribute is noticed, and said.
        CudaException exception = Assert.Throws<CudaException>(() => Set(
            cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [9]));
        Assert.Equal(
            ((int)cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "cudnnBackendSetAttribute"),
            (exception.Code, exception.Call));

        api.ThrowIfFailed(api.cudnnBackendFinalize(tensor));
        long[] strides = new long[8];
        long count;
        fixed (long* room = strides)
        {
            api.ThrowIfFailed(api.cudnnBackendGetAttribute(
                tensor, cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64,
                strides.Length, &count, room));
        }
        Assert.Equal([105, 1, 21, 3], strides[..(int)count]);
        api.ThrowIfFailed(api.cudnnBackendDestroyDescriptor(tensor));

        void SetLongs(cudnnBackendAttributeName_t name, long[] values)
        {
            fixed (long* elements = values)
            {
                api.ThrowIfFailed(api.cudnnBackendSetAttribute(
                    tensor, name, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, values.Length, elements));
            }
        }

        void Set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int[] values)
        {
            fixed (int* elements = values)
            {
                api.ThrowIfFailed(api.cudnnBackendSetAttribute(tensor, name, type, values.Length, elements));
            }
        }
    }

    private static CuDnnApi CuDnn() => new(RealLibraries.CuDnnSource());
}
