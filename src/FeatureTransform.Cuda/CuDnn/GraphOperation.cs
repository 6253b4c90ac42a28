namespace FeatureTransform.Cuda;

/// <summary>An attribute that is no tensor, as integers of any size; fp32 by its bits.</summary>
internal readonly record struct GraphSetting(
    cudnnBackendAttributeName_t Name, cudnnBackendAttributeType_t Elements, params long[] Values);

/// <summary>A tensor's place in an operation.</summary>
internal readonly record struct GraphOperand(cudnnBackendAttributeName_t Name, GraphTensor Tensor);

/// <summary>The descriptor of an operation's parameters, such as a convolution's paddings.</summary>
internal sealed record GraphParameters(
    cudnnBackendAttributeName_t Name, cudnnBackendDescriptorType_t Type, params GraphSetting[] Settings);

/// <summary>An operation of a graph: what it reads, what it writes, and what else its descriptor is told.</summary>
internal sealed record GraphOperation(
    string Name, cudnnBackendDescriptorType_t Type, GraphOperand[] Inputs, GraphOperand[] Outputs, GraphParameters? Parameters, params GraphSetting[] Settings)
{
    /// <summary>Whether tensor cores can do it. Engines of other operations note them without a meaning.</summary>
    public bool Multiplies => Type is cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR
        or cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR
        or cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;

    public override string ToString() =>
        $"{string.Join(", ", Outputs.Select(o => o.Tensor.Name))} = {Name}({string.Join(", ", Inputs.Select(i => i.Tensor.Name))})";
}
