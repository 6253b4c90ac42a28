namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>Which attributes a descriptor takes: of what type, how many elements, and whether it must have them.</summary>
internal static class AttributeRules
{
    private const int Many = int.MaxValue;

    private static readonly string[] Optional =
    [
        "OPERATION_POINTWISE_BDESC", "OPERATION_POINTWISE_YDESC", "OPERATION_POINTWISE_DXDESC", "OPERATION_POINTWISE_DYDESC",
        "OPERATION_RESAMPLE_FWD_IDXDESC", "OPERATION_RESAMPLE_BWD_IDXDESC", "OPERATION_NORM_BWD_EPSILON_DESC",
        "OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC", "OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC",
        "OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC", "OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC",
        "OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC",
    ];

    private static readonly (cudnnBackendDescriptorType_t Descriptor, string Prefix)[] Prefixes =
    [
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, "OPERATION_CONVOLUTION_FORWARD_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, "OPERATION_CONVOLUTION_BWD_DATA_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, "OPERATION_CONVOLUTION_BWD_FILTER_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "OPERATION_POINTWISE_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "OPERATION_MATMUL_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, "OPERATION_RESAMPLE_FWD_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR, "OPERATION_RESAMPLE_BWD_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, "OPERATION_NORM_FWD_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR, "OPERATION_NORM_BWD_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, "OPERATIONGRAPH_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "CONVOLUTION_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "POINTWISE_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, "RESAMPLE_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_MATMUL_DESCRIPTOR, "MATMUL_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR, "TENSOR_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, "ENGINEHEUR_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, "ENGINECFG_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINE_DESCRIPTOR, "ENGINE_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "EXECUTION_PLAN_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "VARIANT_PACK_"),
        (cudnnBackendDescriptorType_t.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "DEVICEPROP_"),
    ];

    private static readonly Dictionary<cudnnBackendAttributeName_t, Rule> Rules = Enum.GetValues<cudnnBackendAttributeName_t>()
        .ToDictionary(name => name, Of);

    private readonly record struct Rule(
        cudnnBackendDescriptorType_t Descriptor, cudnnBackendAttributeType_t Elements, int Least, int Most, bool IsRequired);

    public static void Check(
        cudnnBackendDescriptorType_t descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, long count)
    {
        CheckType(name, elements);
        Rule rule = Rules[name];
        if (rule.Descriptor != descriptor)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{name} is no attribute of {descriptor}");
        }
        if (count < rule.Least || count > rule.Most)
        {
            throw new CuDnnRefused(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{name} has {rule.Least} to {rule.Most} elements, {count} are given");
        }
    }

    public static void CheckType(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements)
    {
        if (!Rules.TryGetValue(name, out Rule rule))
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, $"attribute {(int)name} is not emulated");
        }
        if (rule.Elements != elements)
        {
            throw new CuDnnRefused(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, $"{name} has elements of {rule.Elements}, not {elements}");
        }
    }

    /// <summary>Refuses numbers of enums that do not exist: these can kill a process that has the real cuDNN.</summary>
    public static void CheckValues(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, byte[] bytes)
    {
        Type? values = elements switch
        {
            cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE => typeof(cudnnDataType_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_CONVOLUTION_MODE => typeof(cudnnConvolutionMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_HEUR_MODE => typeof(cudnnBackendHeurMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_POINTWISE_MODE => typeof(cudnnPointwiseMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_RESAMPLE_MODE => typeof(cudnnResampleMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_PADDING_MODE => typeof(cudnnPaddingMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_MODE => typeof(cudnnBackendNormMode_t),
            cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_FWD_PHASE => typeof(cudnnBackendNormFwdPhase_t),
            _ => null,
        };
        if (values is not null && !Enum.IsDefined(values, BitConverter.ToInt32(bytes)))
        {
            throw new CuDnnRefused(
                cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
                $"{name} is {BitConverter.ToInt32(bytes)}, which is no {values.Name}: the real cuDNN may end the process");
        }
    }

    /// <summary>Refuses a descriptor without an attribute that it needs, also where the real cuDNN goes on with some value.</summary>
    public static void RequireAll(BackendObject descriptor)
    {
        foreach ((cudnnBackendAttributeName_t name, Rule rule) in Rules)
        {
            if (rule.Descriptor == descriptor.Type && rule.IsRequired && !descriptor.Has(name))
            {
                throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{descriptor.Type} has no {name}");
            }
        }
    }

    private static Rule Of(cudnnBackendAttributeName_t name)
    {
        string text = name.ToString()["CUDNN_ATTR_".Length..];
        (cudnnBackendDescriptorType_t descriptor, string prefix) = Prefixes.First(
            entry => text.StartsWith(entry.Prefix, StringComparison.Ordinal));
        string rest = text[prefix.Length..];
        return prefix switch
        {
            "CONVOLUTION_" or "RESAMPLE_" => rest switch
            {
                "CONV_MODE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_CONVOLUTION_MODE),
                "MODE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_RESAMPLE_MODE),
                "PADDING_MODE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_PADDING_MODE),
                "COMP_TYPE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE),
                "SPATIAL_DIMS" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_INT64),
                _ => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, 2, 2, true),
            },
            "POINTWISE_" => One(rest == "MODE"
                ? cudnnBackendAttributeType_t.CUDNN_TYPE_POINTWISE_MODE
                : cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE),
            "MATMUL_" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE),
            "TENSOR_" => rest switch
            {
                "DATA_TYPE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE),
                "IS_VIRTUAL" or "IS_BY_VALUE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN, false),
                "DIMENSIONS" or "STRIDES" => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, 4, 4, true),
                _ => One(cudnnBackendAttributeType_t.CUDNN_TYPE_INT64),
            },
            "ENGINEHEUR_" => rest == "MODE"
                ? One(cudnnBackendAttributeType_t.CUDNN_TYPE_HEUR_MODE)
                : One(cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, rest != "RESULTS"),
            "ENGINECFG_" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, false),
            "ENGINE_" => rest switch
            {
                "NUMERICAL_NOTE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_NUMERICAL_NOTE, false),
                "BEHAVIOR_NOTE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_BEHAVIOR_NOTE, false),
                _ => One(cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, false),
            },
            "EXECUTION_PLAN_" => rest switch
            {
                "HANDLE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_HANDLE, false),
                "WORKSPACE_SIZE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, false),
                "JSON_REPRESENTATION" => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR, 1, Many, false),
                _ => One(cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, false),
            },
            "DEVICEPROP_" => rest switch
            {
                "DEVICE_ID" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_INT32, false),
                "HANDLE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_HANDLE, false),
                _ => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR, 1, Many, false),
            },
            "VARIANT_PACK_" => rest switch
            {
                "UNIQUE_IDS" => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, 1, Many, true),
                "DATA_POINTERS" => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR, 1, Many, true),
                _ => One(cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR, false),
            },
            "OPERATIONGRAPH_" => new Rule(descriptor, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, Many, true),
            _ => rest switch // of an operation
            {
                "ALPHA" or "BETA" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_FLOAT), // not noticed by the real one, whose result is 0
                "MODE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_MODE),
                "PHASE" => One(cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_FWD_PHASE),
                _ => One(cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, !Optional.Contains(text)),
            },
        };

        Rule One(cudnnBackendAttributeType_t elements, bool required = true) => new(descriptor, elements, 1, 1, required);
    }
}
