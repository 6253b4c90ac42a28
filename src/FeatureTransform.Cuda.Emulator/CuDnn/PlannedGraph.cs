using System.Text.Json;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>A tensor descriptor; a boolean is a bit in memory.</summary>
internal sealed record PlanTensor(long Id, cudnnDataType_t Type, long[] Dimensions, bool IsVirtual, bool IsScalar)
{
    public int N => (int)Dimensions[0];

    public int C => (int)Dimensions[1];

    public int H => (int)Dimensions[2];

    public int W => (int)Dimensions[3];

    public int Count => checked((int)Dimensions.Aggregate(1L, (product, size) => checked(product * size)));

    public int Bytes => Type switch
    {
        cudnnDataType_t.CUDNN_DATA_BOOLEAN => (Count + 7) / 8,
        cudnnDataType_t.CUDNN_DATA_INT8 => Count,
        cudnnDataType_t.CUDNN_DATA_BFLOAT16 => checked(2 * Count),
        _ => checked(4 * Count),
    };

    public bool HasShapeOf(PlanTensor other) => Dimensions.AsSpan().SequenceEqual(other.Dimensions);

    public bool IsVectorOf(int channels) => Dimensions is [1, var c, 1, 1] && c == channels;

    public override string ToString() => $"tensor {Id} ({Type} {string.Join(" x ", Dimensions)}{(IsVirtual ? ", virtual" : "")})";
}

/// <summary>The parameters of a convolution or of pooling.</summary>
internal sealed record PlanWindow(int Height, int Width, int Stride, int Padding)
{
    public int Rows(int height) => ((height + (2 * Padding) - Height) / Stride) + 1;

    public int Columns(int width) => ((width + (2 * Padding) - Width) / Stride) + 1;
}

/// <summary>The parameters of a pointwise operation.</summary>
internal sealed record PlanPointwise(cudnnPointwiseMode_t Mode);

/// <summary>An operation with its tensors by the names of their attributes.</summary>
internal sealed record PlanOperation(
    cudnnBackendDescriptorType_t Type, cudnnPointwiseMode_t Mode, PlanWindow? Window,
    Dictionary<cudnnBackendAttributeName_t, PlanTensor> Operands)
{
    private static readonly HashSet<cudnnBackendAttributeName_t> Outputs =
    [
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC,
        cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC,
    ];

    public IEnumerable<PlanTensor> Read => Operands.Where(o => !Outputs.Contains(o.Key)).Select(o => o.Value);

    public IEnumerable<PlanTensor> Written => Operands.Where(o => Outputs.Contains(o.Key)).Select(o => o.Value);

    public PlanTensor this[cudnnBackendAttributeName_t name] => Operands[name];

    public bool Is(params ReadOnlySpan<cudnnBackendDescriptorType_t> types) => types.Contains(Type);

    public bool IsPointwise(cudnnPointwiseMode_t mode) =>
        Type == cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR && Mode == mode;

    public bool IsConvolution => Is(
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
        cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
}

/// <summary>Operations in the order of their data.</summary>
internal sealed record OperationSequence(PlanOperation[] Operations)
{
    /// <summary>Every tensor once.</summary>
    public IEnumerable<PlanTensor> Tensors => Operations.SelectMany(o => o.Operands.Values).DistinctBy(t => t.Id);
}

/// <summary>An execution plan.</summary>
/// <param name="Sequence">What it computes.</param>
/// <param name="RoundsToTf32">Whether convolutions of fp32 round what they multiply.</param>
/// <param name="WorkspaceBytes">Memory that it overwrites.</param>
/// <param name="Device">The device that it is for.</param>
internal sealed record PlannedGraph(OperationSequence Sequence, bool RoundsToTf32, long WorkspaceBytes, string Device) : IAttributes
{
    public byte[]? Attribute(cudnnBackendAttributeName_t name) => name switch
    {
        cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE => BitConverter.GetBytes(WorkspaceBytes),
        cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION => JsonSerializer.SerializeToUtf8Bytes(this),
        _ => null,
    };

    /// <exception cref="CuDnnRefused">It is no plan.</exception>
    public static PlannedGraph Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize<PlannedGraph>(json) ?? throw new JsonException("it is null");
        }
        catch (JsonException exception)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"the JSON text is no plan: {exception.Message}");
        }
    }
}

/// <summary>What a DEVICEPROP descriptor describes.</summary>
internal sealed record PlanDevice(string Json) : IAttributes
{
    public byte[]? Attribute(cudnnBackendAttributeName_t name) =>
        name == cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION ? System.Text.Encoding.UTF8.GetBytes(Json) : null;
}

/// <summary>The answer of the heuristics.</summary>
internal sealed record Proposals(EngineChoice[] Engines);

/// <summary>An engine for a graph.</summary>
internal sealed record EngineChoice(OperationSequence Sequence, int Index, cudnnBackendNumericalNote_t[] Notes, bool IsReady) : IAttributes
{
    public byte[]? Attribute(cudnnBackendAttributeName_t name) => name switch
    {
        cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_GLOBAL_INDEX => BitConverter.GetBytes((long)Index),
        cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE => [.. Notes.SelectMany(note => BitConverter.GetBytes((int)note))],
        cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE =>
            BitConverter.GetBytes((int)cudnnBackendBehaviorNote_t.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION),
        _ => null,
    };
}

/// <summary>Addresses for an execution.</summary>
internal sealed record VariantPack(long[] Ids, ulong[] Pointers, ulong Workspace);
