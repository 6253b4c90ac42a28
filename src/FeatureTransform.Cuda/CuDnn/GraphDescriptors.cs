namespace FeatureTransform.Cuda;

/// <summary>The descriptors of a graph: cuDNN is told everything that it is made of.</summary>
internal sealed class GraphDescriptors : IDisposable
{
    private const int Alignment = 16; // bytes; with less the good engines vanish

    private readonly CuDnnApi api;
    private readonly Dictionary<GraphTensor, BackendDescriptor> tensors = [];
    private readonly List<BackendDescriptor> all = [];

    /// <exception cref="CudaException">cuDNN refuses a part of it.</exception>
    public GraphDescriptors(CuDnnApi api, OperationGraph graph)
    {
        this.api = api;
        try
        {
            foreach (GraphTensor tensor in graph.Tensors)
            {
                tensors.Add(tensor, Describe(tensor));
            }
            BackendDescriptor[] operations = [.. graph.Operations.Select(Describe)];
            Graph = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
            Graph.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATIONGRAPH_OPS, operations);
            Graph.Finalized();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public BackendDescriptor Graph { get; }

    public void Dispose()
    {
        foreach (BackendDescriptor descriptor in all)
        {
            descriptor.Dispose();
        }
    }

    private BackendDescriptor Describe(GraphTensor tensor)
    {
        BackendDescriptor descriptor = New(cudnnBackendDescriptorType_t.CUDNN_BACKEND_TENSOR_DESCRIPTOR);
        descriptor.SetIntegers(
            cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DATA_TYPE, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, (long)tensor.Type);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_DIMENSIONS, [.. tensor.Dimensions]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_STRIDES, [.. tensor.Strides]);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_UNIQUE_ID, tensor.Id);
        SetLongs(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, Alignment);
        SetFlag(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_VIRTUAL, tensor.Storage == GraphStorage.Virtual);
        SetFlag(cudnnBackendAttributeName_t.CUDNN_ATTR_TENSOR_IS_BY_VALUE, tensor.Storage == GraphStorage.Scalar);
        return descriptor.Finalized();

        void SetLongs(cudnnBackendAttributeName_t name, params ReadOnlySpan<long> values) =>
            descriptor.Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, values);

        void SetFlag(cudnnBackendAttributeName_t name, bool value)
        {
            if (value)
            {
                descriptor.Set<byte>(name, cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN, 1);
            }
        }
    }

    private BackendDescriptor Describe(GraphOperation operation)
    {
        BackendDescriptor descriptor = New(operation.Type);
        foreach (GraphOperand operand in operation.Inputs.Concat(operation.Outputs))
        {
            descriptor.SetDescriptors(operand.Name, tensors[operand.Tensor]);
        }
        Set(descriptor, operation.Settings);
        if (operation.Parameters is { } parameters)
        {
            BackendDescriptor inner = New(parameters.Type);
            Set(inner, parameters.Settings);
            descriptor.SetDescriptors(parameters.Name, inner.Finalized());
        }
        return descriptor.Finalized();
    }

    private static void Set(BackendDescriptor descriptor, GraphSetting[] settings)
    {
        foreach (GraphSetting setting in settings)
        {
            descriptor.SetIntegers(setting.Name, setting.Elements, setting.Values);
        }
    }

    private BackendDescriptor New(cudnnBackendDescriptorType_t type)
    {
        var descriptor = new BackendDescriptor(api, type);
        all.Add(descriptor);
        return descriptor;
    }
}
