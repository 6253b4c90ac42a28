using FeatureTransform.Cuda.Emulator.Tests.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.CuDnn;

/// <summary>What the emulated cuDNN refuses, with its texts: the rules of the real one, and what that does not notice.</summary>
public sealed class CuDnnRuleTests : HostTest
{
    private const cudnnBackendAttributeType_t Int64 = cudnnBackendAttributeType_t.CUDNN_TYPE_INT64;
    private const cudnnDataType_t Bf16 = cudnnDataType_t.CUDNN_DATA_BFLOAT16, Float32 = cudnnDataType_t.CUDNN_DATA_FLOAT;

    private readonly List<BackendDescriptor> made = [];

    private CuDnnApi Dnn => field ??= new CuDnnApi(Emulator.CuDnn);

    [Fact]
    public void An_attribute_has_its_descriptor_type_and_count()
    {
        BackendDescriptor tensor = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        Refused(2010, "elements of CUDNN_TYPE_INT64, not CUDNN_TYPE_DATA_TYPE", () => tensor.Set(
            cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, 9));
        Refused(2000, "no attribute of", () => tensor.Set(
            cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_POINTWISE_MODE, 0));
        Refused(2000, "4 to 4 elements, 3", () => tensor.Set(
            cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS, Int64, 1L, 2L, 3L));
    }

    /// <summary>As the finalizer does some time after a test, while other emulators are in use.</summary>
    [Fact]
    public unsafe void What_is_left_of_a_disposed_emulator_is_no_concern_of_another()
    {
        using var other = new Emulator(new EmulatorOptions(), Executor);
        var api = new CuDnnApi(other.CuDnn);
        nint descriptor;
        Assert.Equal(
            cudnnStatus_t.CUDNN_STATUS_SUCCESS,
            api.cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR, &descriptor));
        other.Dispose();
        Assert.Equal(cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED, api.cudnnBackendDestroyDescriptor(descriptor));
        AssertNoFindings();
    }

    [Fact]
    public void An_enum_has_a_known_value() => Refused(2000, "may end the process", () => New(
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR).Set(
            cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, 99));

    [Theory]
    [InlineData(0, 8, 4, 4, 16, "not positive")]
    [InlineData(2, 8, 4, 4, 8, "alignment of 8")]
    public void A_tensor_has_sizes_and_an_alignment(long n, long c, long h, long w, long alignment, string reason) =>
        Refused(2000, reason, () => Tensor(1, Bf16, [n, c, h, w], alignment));

    [Fact]
    public void A_tensor_has_a_type_and_channels_innermost()
    {
        BackendDescriptor tensor = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        tensor.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS, Int64, 2L, 8L, 4L, 4L);
        Refused(2000, "has no CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT", () => tensor.Finalized());
        tensor.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, Int64, 16L);
        Refused(2000, "has no CUDNN_ATTR_TENSOR_DATA_TYPE", () => tensor.Finalized());
        tensor.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, 9);
        tensor.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, Int64, 1L);
        tensor.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES, Int64, 128L, 16L, 4L, 1L);
        Refused(2000, "only channels innermost", () => tensor.Finalized());
    }

    [Fact]
    public void What_is_finalized_stays_and_what_is_not_cannot_be_used()
    {
        BackendDescriptor x = Tensor(1, Bf16, [2, 8, 4, 4]);
        Refused(2000, "which is finalized", () => x.Set(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, Int64, 2L));
        Refused(2000, "finalized already", () => x.Finalized());
        BackendDescriptor relu = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        BackendDescriptor raw = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
        Refused(2004, "before it is finalized", () => relu.SetDescriptors(
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, raw));
        relu.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, x);
        relu.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
        Refused(2012, "where it cannot be", () => relu.Finalized());
    }

    [Fact]
    public void A_convolution_has_its_parameters_and_factors()
    {
        BackendDescriptor bare = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
        Refused(2000, "has no CUDNN_ATTR_CONVOLUTION", () => bare.Finalized());
        BackendDescriptor operation = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
        BackendDescriptor window = Finalize(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR,
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_COMP_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_CONV_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_CONVOLUTION_MODE, [1]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, Int64, [2]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Int64, [0, 0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Int64, [0, 0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Int64, [1, 1]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_DILATIONS, Int64, [1, 1]));
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, window);
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, Tensor(1, Bf16, [2, 8, 4, 4]));
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, Tensor(2, Bf16, [16, 8, 1, 1]));
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, Tensor(3, Bf16, [2, 16, 4, 4]));
        Refused(2000, "has no CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA", () => operation.Finalized());
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1);
        Refused(2000, "has no CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA", () => operation.Finalized());
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0);
        operation.Finalized();

        void Set(cudnnBackendAttributeName_t name, float value) =>
            operation.Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_FLOAT, value);
    }

    [Theory]
    [InlineData(3, "CUDNN_ZERO_PAD has no engine")]
    [InlineData(2, "not to be relied on")]
    public void Pooling_is_of_maxima_beside_minus_infinity(long mode, string reason)
    {
        Refused(2000, reason, () => Finalize(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_RESAMPLE_DESCRIPTOR,
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_RESAMPLE_MODE, [mode]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_COMP_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PADDING_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_PADDING_MODE, [0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, Int64, [2]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, Int64, [3, 3]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_STRIDES, Int64, [2, 2]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, Int64, [1, 1]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_POST_PADDINGS, Int64, [1, 1])));
    }

    [Fact]
    public void An_id_is_of_one_tensor() => Refused(2009, "the same unique id", () => Graph(
        Relu(Tensor(1, Bf16, [2, 8, 4, 4]), Tensor(1, Bf16, [2, 8, 4, 4]))));

    [Fact]
    public void A_virtual_tensor_is_written_before_it_is_read()
    {
        BackendDescriptor sum = Tensor(2, Float32, [2, 8, 4, 4], isVirtual: true);
        Refused(2000, "no operation before writes", () => Graph(Relu(sum, Tensor(3, Bf16, [2, 8, 4, 4]))));
    }

    [Fact]
    public void Running_statistics_come_together_and_vectors_have_the_channels()
    {
        Refused(2008, "1 of the 5 tensors of running statistics", () => Norm(16, 16, withShareOnly: true));
        Refused(2008, "one number for each of 16 channels", () => Norm(16, 8, withShareOnly: false));
    }

    [Fact]
    public void Types_without_an_engine_give_no_results()
    {
        // bf16 inputs and an fp32 output: finalized, and then nothing.
        BackendDescriptor graph = Graph(Relu(Tensor(1, Bf16, [2, 8, 4, 4]), Tensor(2, Bf16, [2, 8, 4, 4])));
        using CuDnnDevice device = CuDnnDevice.OfOrdinal(new FeatureTransform.Cuda.CuDnn(Emulator.CuDnn), 0);
        BackendDescriptor heuristics = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        heuristics.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
        heuristics.SetIntegers(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_HEUR_MODE, 3);
        Refused(2000, "has no CUDNN_ATTR_ENGINEHEUR_DEVICEPROP", () => heuristics.Finalized());
        heuristics.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.Properties);
        Assert.Equal(0, heuristics.Finalized().Get<nint>(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_RESULTS, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, []));
    }

    [Fact]
    public void A_plan_knows_its_device_and_a_device_its_properties()
    {
        BackendDescriptor plan = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.Set<byte>(
            cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR, "{}"u8);
        Refused(2000, "the real cuDNN would crash", () => plan.Finalized());
        var library = new FeatureTransform.Cuda.CuDnn(Emulator.CuDnn);
        Refused(2000, "have no multiProcessorCount", () => CuDnnDevice.Parse(library, """{"deviceVer": 800}"""));
        Refused(2000, "there is no device 1", () => CuDnnDevice.OfOrdinal(library, 1));
    }

    [Fact]
    public void A_destroyed_descriptor_is_found()
    {
        BackendDescriptor tensor = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        nint handle = tensor.Handle;
        tensor.Dispose();
        Assert.Equal(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, Destroy(handle));
        TakeFinding("double destroy");

        unsafe cudnnStatus_t Destroy(nint descriptor) => Dnn.cudnnBackendDestroyDescriptor(descriptor);
    }

    public override void Dispose()
    {
        made.ForEach(descriptor => descriptor.Dispose());
        Assert.Equal(0, Emulator.CuDnn.LiveDescriptors);
        base.Dispose();
    }

    private static void Refused(int status, string text, Action action)
    {
        CudaException exception = Assert.Throws<CudaException>(action);
        Assert.True(exception.Code == status && exception.Message.Contains(text, StringComparison.Ordinal), exception.Message);
    }

    private BackendDescriptor New(cudnnBackendDescriptorType_t type)
    {
        var descriptor = new BackendDescriptor(Dnn, type);
        made.Add(descriptor);
        return descriptor;
    }

    private BackendDescriptor Finalize(
        cudnnBackendDescriptorType_t type, params (cudnnBackendAttributeName_t Name, cudnnBackendAttributeType_t Elements, long[] Values)[] attributes)
    {
        BackendDescriptor descriptor = New(type);
        foreach ((cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, long[] values) in attributes)
        {
            descriptor.SetIntegers(name, elements, values);
        }
        return descriptor.Finalized();
    }

    private BackendDescriptor Tensor(
        long id, cudnnDataType_t type, long[] d, long alignment = 16, bool isVirtual = false, bool isScalar = false)
    {
        return Finalize(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR,
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [(long)type]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS, Int64, d),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES, Int64, [d[1] * d[2] * d[3], 1, d[3] * d[1], d[1]]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, Int64, [id]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, Int64, [alignment]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_VIRTUAL, cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN, [isVirtual ? 1 : 0]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_BY_VALUE, cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN, [isScalar ? 1 : 0]));
    }

    private BackendDescriptor Relu(BackendDescriptor x, BackendDescriptor y)
    {
        BackendDescriptor mode = Finalize(
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_POINTWISE_DESCRIPTOR,
            (cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_POINTWISE_MODE, [100]),
            (cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MATH_PREC, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, [0]));
        BackendDescriptor operation = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, mode);
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
        operation.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
        return operation.Finalized();
    }

    private BackendDescriptor Graph(params ReadOnlySpan<BackendDescriptor> operations)
    {
        BackendDescriptor graph = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
        graph.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
        return graph.Finalized();
    }

    private void Norm(int c, int scaleChannels, bool withShareOnly)
    {
        BackendDescriptor operation = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
        operation.SetIntegers(
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_MODE, 2);
        operation.SetIntegers(
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_FWD_PHASE, 1);
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, Tensor(1, Bf16, [2, c, 4, 4]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, Tensor(2, Bf16, [2, c, 4, 4]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, Tensor(3, Float32, [1, scaleChannels, 1, 1]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, Tensor(4, Float32, [1, c, 1, 1]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, Tensor(5, Float32, [1, c, 1, 1]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, Tensor(6, Float32, [1, c, 1, 1]));
        Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, Tensor(7, Float32, [1, 1, 1, 1], isScalar: true));
        if (withShareOnly)
        {
            Set(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, Tensor(8, Float32, [1, 1, 1, 1], isScalar: true));
        }
        operation.Finalized();

        void Set(cudnnBackendAttributeName_t name, BackendDescriptor tensor) => operation.SetDescriptors(name, tensor);
    }
}
