namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>
/// Which graphs have an engine. The lists are as mixed as the real ones: engines that are not deterministic, that use tensor cores,
/// and that are proposed and then cannot be made ready, are among them.
/// </summary>
internal static class Engines
{
    private const int ChannelStep = 8;
    private const long NormWorkspace = 1024, FilterWorkspace = 4096;

    public static Proposals Propose(BackendObject descriptor)
    {
        OperationSequence sequence = descriptor.Child<OperationSequence>(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
        _ = descriptor.Child<PlanDevice>(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
        var mode = (cudnnBackendHeurMode_t)descriptor.Integer(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_MODE);
        if (!IsKnown(sequence.Operations) || mode != cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_A)
        {
            return new Proposals([]);
        }
        EngineChoice plain = new(sequence, 3, [], IsReady: true);
        return new Proposals(sequence.Operations[0].IsConvolution
            ?
            [
                new(sequence, 0, [cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC], IsReady: true),
                new(sequence, 1, [], IsReady: false),
                new(sequence, 2, [cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_TENSOR_CORE], IsReady: true),
                plain,
            ]
            : [plain]);
    }

    public static PlannedGraph Build(EngineChoice engine, string device)
    {
        if (!engine.IsReady)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, $"engine {engine.Index} cannot be made ready for this graph");
        }
        PlanOperation[] operations = engine.Sequence.Operations;
        long workspace = operations.Any(IsNorm)
            ? NormWorkspace
            : operations[0].Is(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR) ? FilterWorkspace : 0;
        return new PlannedGraph(
            engine.Sequence, engine.Notes.Contains(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_TENSOR_CORE), workspace, device);
    }

    private static bool IsKnown(PlanOperation[] o) => o switch
    {
        [{ IsConvolution: true }] => o[0].Operands.Values.Select(t => t.Type).Distinct().Count() == 1 && IsActivation(o[0].Operands.Values.First()),
        [{ Window: not null }] => o[0].Operands.Values.All(t => IsActivation(t) || t.Type == cudnnDataType_t.CUDNN_DATA_INT8),
        [{ Type: cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR }, ..] => IsNormForward(o),
        [.., { Type: cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR }] => IsNormBackward(o),
        _ => false,
    };

    // Normalization, then an ADD, then a ReLU, then the comparison of its output: each may be missing at the end or, for ADD, at all.
    private static bool IsNormForward(PlanOperation[] o)
    {
        PlanTensor x = o[0][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC];
        PlanTensor value = o[0][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC];
        if (x.C % ChannelStep != 0 || !IsActivation(x) || !Vectors(o[0]))
        {
            return false;
        }
        int next = 1;
        if (Is(cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD))
        {
            value = Output(o[next++]);
        }
        bool hasRelu = Is(cudnnPointwiseMode_t.CUDNN_POINTWISE_RELU_FWD);
        if (hasRelu)
        {
            value = Output(o[next++]);
        }
        if (hasRelu && Is(cudnnPointwiseMode_t.CUDNN_POINTWISE_CMP_GT))
        {
            PlanOperation compare = o[next++];
            if (Output(compare).Type != cudnnDataType_t.CUDNN_DATA_BOOLEAN
                || !compare[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC].IsScalar)
            {
                return false;
            }
        }
        return next == o.Length && !value.IsVirtual && value.Type == x.Type;

        bool Is(cudnnPointwiseMode_t mode) => next < o.Length && o[next].IsPointwise(mode)
            && o[next][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC].Id == value.Id
            && (!value.IsVirtual || value.Type == cudnnDataType_t.CUDNN_DATA_FLOAT);
    }

    // An ADD of two summands, then a MUL by bits, then the backward pass: the first two may be missing.
    private static bool IsNormBackward(PlanOperation[] o)
    {
        PlanTensor x = o[^1][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_XDESC];
        PlanTensor dy = o[^1][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC];
        if (x.C % ChannelStep != 0 || !IsActivation(x) || dy.Type != x.Type || !Vectors(o[^1]))
        {
            return false;
        }
        int last = o.Length - 2;
        if (Writes(last, cudnnPointwiseMode_t.CUDNN_POINTWISE_MUL, dy)
            && o[last][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC].Type == cudnnDataType_t.CUDNN_DATA_BOOLEAN)
        {
            dy = o[last--][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC];
        }
        if (Writes(last, cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD, dy)
            && o[last][cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC].HasShapeOf(x))
        {
            last--;
        }
        return last < 0;

        bool Writes(int operation, cudnnPointwiseMode_t mode, PlanTensor value) =>
            operation >= 0 && o[operation].IsPointwise(mode) && Output(o[operation]).Id == value.Id;
    }

    private static bool IsNorm(PlanOperation operation) => operation.Is(
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR,
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR);

    // Statistics, parameters and their gradients are fp32.
    private static bool Vectors(PlanOperation operation) => operation.Operands.All(operand =>
        operand.Key.ToString().EndsWith("XDESC", StringComparison.Ordinal) || operand.Key.ToString().EndsWith("YDESC", StringComparison.Ordinal)
        || operand.Value.Type == cudnnDataType_t.CUDNN_DATA_FLOAT);

    private static PlanTensor Output(PlanOperation operation) =>
        operation[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC];

    private static bool IsActivation(PlanTensor tensor) =>
        tensor.Type is cudnnDataType_t.CUDNN_DATA_FLOAT or cudnnDataType_t.CUDNN_DATA_BFLOAT16;
}
