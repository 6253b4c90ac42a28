using System.Runtime.InteropServices;

namespace FeatureTransform.Training.Runs;

/// <summary>Element types of safetensors files that are read and written here, by the format's own names.</summary>
internal enum SafeTensorType
{
    F64,
    I64,
    F32,
    I32,
    BF16,
    U8,
}

/// <summary>A tensor on its way into a file: row-major, little endian as every platform of .NET 10 is.</summary>
/// <param name="Name">Name, unique in its file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes, outermost first; none for a scalar.</param>
/// <param name="Write">Writes the elements; called once, when their turn comes, so that not all are in memory at a time.</param>
internal sealed record SafeTensor(string Name, SafeTensorType Type, int[] Shape, Action<Stream> Write)
{
    /// <summary>Bytes of the elements.</summary>
    public long ByteCount => Shape.Aggregate((long)SizeOf(Type), (product, size) => checked(product * size));

    /// <summary>A tensor of values that are in memory already.</summary>
    public static SafeTensor Of<T>(string name, T[] values, params int[] shape)
        where T : unmanaged =>
        new(name, TypeOf<T>(), shape, stream => stream.Write(MemoryMarshal.AsBytes<T>(values)));

    public static int SizeOf(SafeTensorType type) => type switch
    {
        SafeTensorType.F64 or SafeTensorType.I64 => 8,
        SafeTensorType.F32 or SafeTensorType.I32 => 4,
        SafeTensorType.BF16 => 2,
        _ => 1,
    };

    /// <summary>The type that holds <typeparamref name="T"/>; ushort stands for the bits of bf16.</summary>
    public static SafeTensorType TypeOf<T>()
        where T : unmanaged =>
        default(T) switch
        {
            double => SafeTensorType.F64,
            long => SafeTensorType.I64,
            float => SafeTensorType.F32,
            int => SafeTensorType.I32,
            ushort => SafeTensorType.BF16,
            byte => SafeTensorType.U8,
            _ => throw new NotSupportedException($"No safetensors type for {typeof(T)}."),
        };
}
