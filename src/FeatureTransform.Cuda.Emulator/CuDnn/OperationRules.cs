namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>Finalizes operations: their shapes fit. As in the real cuDNN, types do not matter here yet.</summary>
internal static class OperationRules
{
    private static readonly Dictionary<cudnnBackendDescriptorType_t, cudnnBackendAttributeName_t[]> Names = Enum
        .GetValues<cudnnBackendDescriptorType_t>().ToDictionary(type => type, type => OperandsOf(PrefixOf(type)));

    public static PlanOperation Finalize(BackendObject descriptor)
    {
        Dictionary<cudnnBackendAttributeName_t, PlanTensor> operands = Names[descriptor.Type].Where(descriptor.Has)
            .ToDictionary(name => name, descriptor.Child<PlanTensor>);
        cudnnPointwiseMode_t mode = default;
        PlanWindow? window = null;
        switch (descriptor.Type)
        {
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
                RequireFactors(
                    descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                    cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
                window = Filter(
                    descriptor.Child<PlanWindow>(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC),
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y]);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
                RequireFactors(
                    descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                    cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
                window = Filter(
                    descriptor.Child<PlanWindow>(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC),
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY]);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
                RequireFactors(
                    descriptor, cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                    cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
                window = Filter(
                    descriptor.Child<PlanWindow>(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC),
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY]);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
                mode = descriptor.Child<PlanPointwise>(
                    cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR).Mode;
                Pointwise(mode, operands);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
                window = Pool(
                    descriptor.Child<PlanWindow>(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC),
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC],
                    operands.GetValueOrDefault(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC));
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
                window = Pool(
                    descriptor.Child<PlanWindow>(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC),
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC],
                    operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC],
                    operands.GetValueOrDefault(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC));
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
                NormForward(descriptor, operands);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
                NormBackward(operands);
                break;
        }
        return new PlanOperation(descriptor.Type, mode, window, operands);
    }

    private static PlanWindow Filter(PlanWindow window, PlanTensor x, PlanTensor w, PlanTensor y)
    {
        window = window with { Height = w.H, Width = w.W };
        Require(w.C == x.C, $"{w} has other channels than {x}: groups are not emulated");
        Require(
            y.Dimensions.AsSpan().SequenceEqual([x.N, w.N, window.Rows(x.H), window.Columns(x.W)]),
            $"{y} is not what {x} and {w} give: {x.N} x {w.N} x {window.Rows(x.H)} x {window.Columns(x.W)}");
        return window;
    }

    private static PlanWindow Pool(PlanWindow window, PlanTensor x, PlanTensor y, PlanTensor? index)
    {
        Require(
            y.Dimensions.AsSpan().SequenceEqual([x.N, x.C, window.Rows(x.H), window.Columns(x.W)]), $"{y} is not what {x} gives");
        Require(index is not null, "a maximum needs an index");
        Require(index!.HasShapeOf(y), $"{index} has not the shape of {y}");
        return window;
    }

    private static void Pointwise(cudnnPointwiseMode_t mode, Dictionary<cudnnBackendAttributeName_t, PlanTensor> operands)
    {
        bool isUnary = mode == cudnnPointwiseMode_t.CUDNN_POINTWISE_RELU_FWD;
        Require(mode != cudnnPointwiseMode_t.CUDNN_POINTWISE_RELU_BWD, $"{mode} is not emulated");
        PlanTensor x = operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC];
        PlanTensor? b = operands.GetValueOrDefault(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
        PlanTensor? y = operands.GetValueOrDefault(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
        Require(y is not null && b is null == isUnary, $"{mode} has too few or too many tensors");
        Require(y!.HasShapeOf(x), $"{y} has not the shape of {x}");
        Require(
            b is null || b.HasShapeOf(x) || b.IsVectorOf(x.C) || b.Count == 1, $"{b} has not the shape of {x}, nor one number for each channel");
    }

    private static void NormForward(BackendObject descriptor, Dictionary<cudnnBackendAttributeName_t, PlanTensor> operands)
    {
        Require(
            descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_PHASE)
                == (long)cudnnBackendNormFwdPhase_t.CUDNN_NORM_FWD_TRAINING, "the inference phase has no engine");
        PlanTensor x = operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC];
        Require(operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC].HasShapeOf(x), $"the output has not the shape of {x}");
        cudnnBackendAttributeName_t[] scalars =
        [
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC,
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC,
        ];
        cudnnBackendAttributeName_t[] running =
        [
            scalars[1], cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC,
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC,
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC,
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC,
        ];
        int given = running.Count(operands.ContainsKey);
        Require(given == 0 || given == running.Length, $"{given} of the {running.Length} tensors of running statistics are given: all or none");
        Require(scalars.Where(operands.ContainsKey).All(name => operands[name].IsScalar), "epsilon and momentum are numbers given by value");
        RequireVectors(operands, x, scalars);
    }

    private static void NormBackward(Dictionary<cudnnBackendAttributeName_t, PlanTensor> operands)
    {
        PlanTensor x = operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_XDESC];
        Require(
            operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC].HasShapeOf(x)
            && operands[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC].HasShapeOf(x), $"a gradient has not the shape of {x}");
        Require(
            !operands.ContainsKey(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_EPSILON_DESC),
            "the backward pass takes no epsilon where it is given the inverse deviation");
        RequireVectors(operands, x, []);
    }

    // All but the images and numbers: one number for each channel.
    private static void RequireVectors(
        Dictionary<cudnnBackendAttributeName_t, PlanTensor> operands, PlanTensor x, cudnnBackendAttributeName_t[] scalars)
    {
        foreach ((cudnnBackendAttributeName_t name, PlanTensor tensor) in operands)
        {
            Require(
                scalars.Contains(name) || $"{name}".EndsWith("XDESC", StringComparison.Ordinal)
                || $"{name}".EndsWith("YDESC", StringComparison.Ordinal) || tensor.IsVectorOf(x.C),
                $"{tensor} is given for {name}, which has one number for each of {x.C} channels");
        }
    }

    private static void RequireFactors(BackendObject descriptor, cudnnBackendAttributeName_t alpha, cudnnBackendAttributeName_t beta) => Require(
        descriptor.Integer(alpha) == BitConverter.SingleToInt32Bits(1) && descriptor.Integer(beta) == 0,
        "only alpha 1 and beta 0 are emulated");

    private static string PrefixOf(cudnnBackendDescriptorType_t type) => "CUDNN_ATTR_" + type.ToString()["CUDNN_BACKEND_".Length..^"_DESCRIPTOR".Length]
        .Replace("BACKWARD_DATA", "BWD_DATA", StringComparison.Ordinal).Replace("BACKWARD_FILTER", "BWD_FILTER", StringComparison.Ordinal)
        .Replace("NORM_FORWARD", "NORM_FWD", StringComparison.Ordinal).Replace("NORM_BACKWARD", "NORM_BWD", StringComparison.Ordinal) + "_";

    private static cudnnBackendAttributeName_t[] OperandsOf(string prefix) => [.. Enum.GetValues<cudnnBackendAttributeName_t>().Where(name =>
        $"{name}".StartsWith(prefix, StringComparison.Ordinal)
        && $"{name}"[prefix.Length..] is not ("CONV_DESC" or "PW_DESCRIPTOR" or "DESC" or "ALPHA" or "BETA" or "MODE" or "PHASE"))];

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH, otherwise);
        }
    }
}
