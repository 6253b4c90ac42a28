using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// Operations that cuDNN does as one. What cuDNN does not notice is refused here: shapes that do not fit, values that nobody
/// writes or reads. Computation is in fp32. It needs neither cuDNN nor a device.
/// </summary>
/// <param name="name">What it computes, for messages.</param>
internal sealed partial class OperationGraph(string name)
{
    private readonly List<GraphTensor> tensors = [];
    private readonly List<GraphOperation> operations = [];

    public string Name { get; } = name;

    public IReadOnlyList<GraphTensor> Tensors => tensors;

    public IReadOnlyList<GraphOperation> Operations => operations;

    /// <summary>The tensors whose addresses an execution takes, in the order in which they were made.</summary>
    public IEnumerable<GraphTensor> Stored => tensors.Where(tensor => tensor.Storage == GraphStorage.Memory);

    /// <summary>A value in device memory, N x H x W x C there, or K x R x S x C.</summary>
    /// <exception cref="ArgumentException">A size is not positive, or the name is taken.</exception>
    public GraphTensor Tensor(string tensor, cudnnDataType_t type, long n, long h, long w, long c) =>
        Add(tensor, type, [n, c, h, w], GraphStorage.Memory);

    /// <summary>An fp32 vector with a number for each channel, in device memory.</summary>
    public GraphTensor Channels(string tensor, long c) => Add(tensor, cudnnDataType_t.CUDNN_DATA_FLOAT, [1, c, 1, 1], GraphStorage.Memory);

    /// <summary>A value in the shape of another that one operation writes and others read; not stored.</summary>
    public GraphTensor Virtual(string tensor, cudnnDataType_t type, GraphTensor shape) =>
        Add(tensor, type, [.. shape.Dimensions], GraphStorage.Virtual);

    /// <summary>An fp32 number.</summary>
    public GraphTensor Scalar(string tensor, float value) =>
        Add(tensor, cudnnDataType_t.CUDNN_DATA_FLOAT, [1, 1, 1, 1], GraphStorage.Scalar, value);

    /// <summary>Refuses a graph that is not complete.</summary>
    /// <exception cref="InvalidOperationException">A tensor is not used as its kind has to be.</exception>
    public void Validate()
    {
        if (operations.Count == 0)
        {
            throw Incomplete("it has no operation");
        }
        var written = new HashSet<GraphTensor>();
        var read = new HashSet<GraphTensor>();
        foreach (GraphOperation operation in operations)
        {
            foreach (GraphOperand input in operation.Inputs)
            {
                if (input.Tensor.Storage == GraphStorage.Virtual && !written.Contains(input.Tensor))
                {
                    throw Incomplete($"no operation before '{operation}' writes the virtual {input.Tensor.Name}");
                }
                read.Add(input.Tensor);
            }
            foreach (GraphOperand output in operation.Outputs)
            {
                if (output.Tensor.Storage == GraphStorage.Scalar || read.Contains(output.Tensor) || !written.Add(output.Tensor))
                {
                    throw Incomplete($"'{operation}' writes {output.Tensor.Name}, which is a number, was read, or was written before");
                }
            }
        }
        foreach (GraphTensor tensor in tensors)
        {
            if (!read.Contains(tensor) && (tensor.Storage != GraphStorage.Memory || !written.Contains(tensor)))
            {
                throw Incomplete($"nothing uses {tensor.Name}");
            }
        }
    }

    /// <summary>Its tensors and operations, line by line: equal texts are equal graphs.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(Name).Append(":\n");
        foreach (GraphTensor tensor in tensors)
        {
            text.Append("  ").Append(tensor).Append('\n');
        }
        foreach (GraphOperation operation in operations)
        {
            text.Append("  ").Append(operation).Append('\n');
        }
        return text.ToString();
    }

    private GraphTensor Add(string tensor, cudnnDataType_t type, long[] dimensions, GraphStorage storage, float value = 0)
    {
        if (!Enum.IsDefined(type)) // which can kill the process
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, $"{Name}: {tensor} has a type that is not known.");
        }
        if (dimensions.Any(size => size <= 0))
        {
            throw new ArgumentException($"{Name}: {tensor} of {string.Join(" x ", dimensions)} has a size that is not positive.", nameof(dimensions));
        }
        if (tensors.Exists(other => other.Name == tensor))
        {
            throw new ArgumentException($"{Name} has a tensor {tensor} already.", nameof(tensor));
        }
        var added = new GraphTensor(this, tensors.Count + 1, tensor, type, dimensions, storage, value);
        tensors.Add(added);
        return added;
    }

    private void Add(GraphOperation operation)
    {
        foreach (GraphOperand operand in operation.Inputs.Concat(operation.Outputs))
        {
            Require(operand.Tensor.Graph == this, operation.Name, $"{operand.Tensor.Name} belongs to another graph, {operand.Tensor.Graph.Name}");
        }
        operations.Add(operation);
    }

    private void Require(bool condition, string operation, string otherwise)
    {
        if (!condition)
        {
            throw new ArgumentException($"{Name}, {operation}: {otherwise}.");
        }
    }

    private void RequireShape(GraphTensor tensor, string operation, long n, long h, long w, long c) => Require(
        tensor.Dimensions.SequenceEqual([n, c, h, w]), operation, $"{tensor} should be {n} x {c} x {h} x {w}");

    private void RequireChannels(GraphTensor tensor, string operation, long c)
    {
        RequireShape(tensor, operation, 1, 1, 1, c);
        Require(tensor.Type == cudnnDataType_t.CUDNN_DATA_FLOAT, operation, $"{tensor} should be fp32");
    }

    private InvalidOperationException Incomplete(string reason) => new($"{reason}:\n{this}");
}
