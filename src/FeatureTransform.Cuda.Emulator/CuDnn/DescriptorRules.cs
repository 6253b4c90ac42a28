using System.Text.Json;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>Finalizes descriptors: all that cuDNN asks for, and what it should.</summary>
internal static class DescriptorRules
{
    private const int LeastAlignment = 16;

    private static readonly string[] DeviceKeys =
    [
        "deviceVer", "multiProcessorCount", "maxSharedMemoryPerBlockOptin", "maxThreadsPerSM", "maxCtasPerSM", "totalGlobalMem",
        "l2CacheSize", "smClockRateKHz", "memClockRateKHz", "memoryBusWidth", "maxGridSize", "maxBlockSize", "regsPerBlock",
        "warpSize", "maxSharedMemoryPerBlock", "reservedSharedMemoryPerBlock", "maxRegistersPerSM", "maxThreadsPerBlock",
        "pciDeviceId", "isTccDriver", "supportCoopLaunch", "driverVer", "cudaDeviceId", "deviceName",
    ];

    public static void Finalize(Emulator emulator, BackendObject descriptor)
    {
        if (descriptor.IsFinalized)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{descriptor.Type} is finalized already");
        }
        AttributeRules.RequireAll(descriptor);
        descriptor.Become(descriptor.Type switch
        {
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR => Tensor(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR => Convolution(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_RESAMPLE_DESCRIPTOR => Resample(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_POINTWISE_DESCRIPTOR => Pointwise(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR => Graph(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR => Device(emulator, descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR => Engines.Propose(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR => Plan(emulator, descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR => Pack(descriptor),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINE_DESCRIPTOR or cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR
                or cudnnBackendDescriptorType_t.CUDNN_BACKEND_MATMUL_DESCRIPTOR
                or cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR =>
                throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, $"{descriptor.Type} is not emulated"),
            _ => OperationRules.Finalize(descriptor),
        });
    }

    private static PlanTensor Tensor(BackendObject descriptor)
    {
        long[] d = descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS);
        Require(d.All(size => size > 0), $"a tensor of {string.Join(" x ", d)} has a size that is not positive");
        long[] strides = descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES);
        Require(
            strides.AsSpan().SequenceEqual([d[1] * d[2] * d[3], 1, d[3] * d[1], d[1]]),
            $"a tensor of {string.Join(" x ", d)} has the strides {string.Join(", ", strides)}: only channels innermost are emulated");
        long alignment = descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
        Require(alignment >= LeastAlignment && long.IsPow2(alignment), $"an alignment of {alignment} bytes leaves no good engine");
        var tensor = new PlanTensor(
            descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID),
            (cudnnDataType_t)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE), d,
            descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_VIRTUAL) != 0,
            descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_BY_VALUE) != 0);
        Require(!tensor.IsScalar || (!tensor.IsVirtual && tensor.Count == 1), $"{tensor} is given by value and is no number");
        return tensor;
    }

    private static PlanWindow Convolution(BackendObject descriptor)
    {
        Require(
            descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_CONV_MODE)
                == (long)cudnnConvolutionMode_t.CUDNN_CROSS_CORRELATION, "only cross-correlation is emulated");
        RequireFloat(descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
        Require(
            descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_DILATIONS) is [1, 1], "only dilation 1 is emulated");
        return Window(
            descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, [1, 1],
            cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES,
            cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,
            cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
    }

    private static PlanWindow Resample(BackendObject descriptor)
    {
        RequireFloat(descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_COMP_TYPE);
        var mode = (cudnnResampleMode_t)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_MODE);
        Require( // on a device cuDNN 9.19 gives wrong means in bf16
            mode == cudnnResampleMode_t.CUDNN_RESAMPLE_MAXPOOL, $"{mode} is not emulated, as its results are not to be relied on");
        var padding = (cudnnPaddingMode_t)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PADDING_MODE);
        Require(padding == cudnnPaddingMode_t.CUDNN_NEG_INF_PAD, $"{mode} with {padding} has no engine");
        return Window(
            descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS,
            descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_WINDOW_DIMS),
            cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_STRIDES, cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PRE_PADDINGS,
            cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_POST_PADDINGS);
    }

    private static PlanWindow Window(
        BackendObject descriptor, cudnnBackendAttributeName_t dimensions, long[] size, cudnnBackendAttributeName_t strides,
        cudnnBackendAttributeName_t before, cudnnBackendAttributeName_t behind)
    {
        long[] stride = descriptor.Longs(strides), padding = descriptor.Longs(before);
        Require(descriptor.Integer(dimensions) == 2, "only images of two dimensions are emulated");
        Require(
            stride[0] == stride[1] && padding[0] == padding[1] && padding.AsSpan().SequenceEqual(descriptor.Longs(behind)),
            "only the same stride and padding in all directions is emulated");
        Require(stride[0] > 0 && padding[0] >= 0 && size.All(s => s > 0), "a stride or window is not positive, or a padding negative");
        return new PlanWindow((int)size[0], (int)size[1], (int)stride[0], (int)padding[0]);
    }

    private static PlanPointwise Pointwise(BackendObject descriptor)
    {
        RequireFloat(descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MATH_PREC);
        return new PlanPointwise((cudnnPointwiseMode_t)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MODE));
    }

    private static OperationSequence Graph(BackendObject descriptor)
    {
        var sequence = new OperationSequence(
            [.. descriptor.Children(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATIONGRAPH_OPS).Select(o => o.Result<PlanOperation>())]);
        var known = new Dictionary<long, PlanTensor>();
        var written = new HashSet<long>();
        foreach (PlanOperation operation in sequence.Operations)
        {
            foreach (PlanTensor tensor in operation.Operands.Values)
            {
                if (!known.TryAdd(tensor.Id, tensor) && !ReferenceEquals(known[tensor.Id], tensor))
                {
                    throw new CuDnnRefused(
                        cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, $"{tensor} and {known[tensor.Id]} have the same unique id");
                }
            }
            foreach (PlanTensor tensor in operation.Read)
            {
                Require(!tensor.IsVirtual || written.Contains(tensor.Id), $"no operation before writes {tensor}, which {operation.Type} reads");
            }
            foreach (PlanTensor tensor in operation.Written)
            {
                Require(!tensor.IsScalar && written.Add(tensor.Id), $"{tensor} is written twice, or is a number");
            }
        }
        return sequence;
    }

    private static PlanDevice Device(Emulator emulator, BackendObject descriptor)
    {
        if (descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION))
        {
            byte[] json = descriptor.Bytes(cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
            try
            {
                using JsonDocument document = JsonDocument.Parse(json);
                string? missing = DeviceKeys.FirstOrDefault(key => !document.RootElement.TryGetProperty(key, out _));
                Require(missing is null, $"the device's properties have no {missing}");
            }
            catch (JsonException exception)
            {
                throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"the device's properties are no JSON: {exception.Message}");
            }
            return new PlanDevice(System.Text.Encoding.UTF8.GetString(json));
        }
        bool byHandle = descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_HANDLE);
        Require(
            byHandle || descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_DEVICE_ID), "the device's properties are of no device");
        long ordinal = byHandle
            ? HandleOf(emulator, descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_HANDLE).Context.Device.Ordinal
            : descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_DEVICE_ID);
        Require(ordinal >= 0 && ordinal < emulator.Devices.Count, $"there is no device {ordinal}");
        DeviceProfile profile = emulator.Options.Device;
        return new PlanDevice($$"""{"deviceName": "{{profile.Name}}", "deviceVer": {{10 * profile.ComputeCapability}}, "cudaDeviceId": {{ordinal}}}""");
    }

    private static PlannedGraph Plan(Emulator emulator, BackendObject descriptor)
    {
        string device = descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_HANDLE)
            ? HandleOf(emulator, descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_HANDLE).Context.Device.Profile.Name
            : descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP)
                ? descriptor.Child<PlanDevice>(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP).Json
                : throw new CuDnnRefused(
                    cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "a plan has neither handle nor device: the real cuDNN would crash");
        if (descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION))
        {
            PlannedGraph loaded = PlannedGraph.Parse(
                descriptor.Bytes(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION));
            return loaded.Device == device ? loaded : throw new CuDnnRefused(
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH, $"the plan is for {loaded.Device}, not for {device}");
        }
        Require(
            descriptor.Has(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG), "a plan has neither engine nor JSON text");
        return Engines.Build(
            descriptor.Child<EngineChoice>(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG), device);
    }

    private static VariantPack Pack(BackendObject descriptor)
    {
        long[] ids = descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
        long[] pointers = descriptor.Longs(cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
        Require(ids.Length == pointers.Length, $"a variant pack has {ids.Length} ids and {pointers.Length} pointers");
        Require(ids.Distinct().Count() == ids.Length, "a variant pack has an id twice");
        return new VariantPack(
            ids, [.. pointers.Select(pointer => (ulong)pointer)],
            (ulong)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_WORKSPACE));
    }

    private static CuDnnHandleObject HandleOf(Emulator emulator, BackendObject descriptor, cudnnBackendAttributeName_t name) =>
        emulator.Handles.Get<CuDnnHandleObject>((nint)descriptor.Longs(name)[0], HandleKind.CuDnn);

    private static void RequireFloat(BackendObject descriptor, cudnnBackendAttributeName_t name) => Require(
        descriptor.Integer(name) == (long)cudnnDataType_t.CUDNN_DATA_FLOAT, $"{name} is not fp32: only that is emulated");

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, otherwise);
        }
    }
}
