using System.Globalization;

namespace FeatureTransform.Cuda;

/// <summary>How a value of a graph is held.</summary>
internal enum GraphStorage
{
    /// <summary>In device memory, whose address is given when the graph is executed.</summary>
    Memory,

    /// <summary>Between two operations only.</summary>
    Virtual,

    /// <summary>A number that the graph was made with.</summary>
    Scalar,
}

/// <summary>A value of a graph, in cuDNN's order of dimensions (N C H W, or K C R S of filters) with the channels innermost in memory.</summary>
internal sealed class GraphTensor
{
    internal GraphTensor(OperationGraph graph, long id, string name, cudnnDataType_t type, long[] dimensions, GraphStorage storage, float value)
    {
        (Graph, Id, Name, Type, Dimensions, Storage, Value) = (graph, id, name, type, dimensions, storage, value);
        (long c, long h, long w) = (dimensions[1], dimensions[2], dimensions[3]);
        Strides = [h * w * c, 1, w * c, c];
    }

    public OperationGraph Graph { get; }

    /// <summary>Unique in the graph.</summary>
    public long Id { get; }

    public string Name { get; }

    public cudnnDataType_t Type { get; }

    public IReadOnlyList<long> Dimensions { get; }

    public IReadOnlyList<long> Strides { get; }

    public GraphStorage Storage { get; }

    /// <summary>Of a scalar.</summary>
    public float Value { get; }

    public long N => Dimensions[0];

    public long C => Dimensions[1];

    public long H => Dimensions[2];

    public long W => Dimensions[3];

    /// <summary>Bytes in memory; a boolean is a bit.</summary>
    public long Bytes
    {
        get
        {
            long count = Dimensions.Aggregate(1L, (product, size) => checked(product * size));
            return Type switch
            {
                cudnnDataType_t.CUDNN_DATA_BOOLEAN => (count + 7) / 8,
                cudnnDataType_t.CUDNN_DATA_INT8 => count,
                cudnnDataType_t.CUDNN_DATA_BFLOAT16 or cudnnDataType_t.CUDNN_DATA_HALF => 2 * count,
                cudnnDataType_t.CUDNN_DATA_INT64 => 8 * count,
                _ => 4 * count,
            };
        }
    }

    public bool HasShapeOf(GraphTensor other) => Dimensions.SequenceEqual(other.Dimensions);

    public override string ToString() => Storage == GraphStorage.Scalar
        ? string.Create(CultureInfo.InvariantCulture, $"{Name} = {Value:R}")
        : $"{Name}: {TypeName} {string.Join(" x ", Dimensions)}{(Storage == GraphStorage.Virtual ? ", virtual" : "")}";

    private string TypeName => Type switch
    {
        cudnnDataType_t.CUDNN_DATA_FLOAT => "fp32",
        cudnnDataType_t.CUDNN_DATA_BFLOAT16 => "bf16",
        cudnnDataType_t.CUDNN_DATA_BOOLEAN => "bit",
        _ => Type.ToString()["CUDNN_DATA_".Length..].ToLowerInvariant(),
    };
}
