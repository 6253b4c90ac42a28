using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace FeatureTransform.Training.Runs;

/// <summary>A safetensors file open for reading, its header validated and its checksum verified where it has ours.</summary>
internal sealed class SafeTensorsFile : IDisposable
{
    /// <summary>Longest header that the format's reference implementation accepts.</summary>
    private const long MaxHeader = 100_000_000;

    private readonly FileStream file;
    private readonly SafeTensorsHeader header;
    private readonly long dataStart;

    private SafeTensorsFile(string path, FileStream file)
    {
        (Path, this.file) = (path, file);
        long available = file.Length - sizeof(long);
        if (available < 0)
        {
            throw new FormatException($"it has {file.Length} bytes, fewer than the 8 of a header's length");
        }

        Span<byte> prefix = stackalloc byte[sizeof(long)];
        file.ReadExactly(prefix);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)Math.Min(available, MaxHeader))
        {
            throw new FormatException(
                $"its header should have {length} bytes, but {available} follow, and {MaxHeader} are the most allowed");
        }

        var json = new byte[length];
        file.ReadExactly(json);
        dataStart = file.Position;
        header = SafeTensorsHeader.Parse(json, available - json.Length);
        HasChecksum = SafeTensorsChecksum.IsIn(json);
        if (HasChecksum && !SafeTensorsChecksum.Compute(file).AsSpan().SequenceEqual(
            json.AsSpan(SafeTensorsChecksum.Offset - sizeof(long), SafeTensorsChecksum.Length)))
        {
            throw new FormatException("its checksum does not match: the file was changed or damaged");
        }
    }

    public string Path { get; }

    /// <summary>Whether the file carries our checksum; it has been verified then.</summary>
    public bool HasChecksum { get; }

    public IReadOnlyDictionary<string, SafeTensorInfo> Tensors => header.Tensors;

    public IReadOnlyDictionary<string, string> Metadata => header.Metadata;

    /// <summary>Opens and validates a file.</summary>
    /// <exception cref="InvalidInputException">It cannot be read, or is not what the format demands.</exception>
    public static SafeTensorsFile Open(string path) =>
        Read(path, () =>
        {
            var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            try
            {
                return new SafeTensorsFile(path, file);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        });

    /// <summary>The bytes of a tensor that must be there with this type and shape.</summary>
    /// <exception cref="InvalidInputException">It is not.</exception>
    public byte[] ReadBytes(string name, SafeTensorType type, params int[] shape) => ReadBytes(Require(name, shape, type));

    /// <summary>The values of a tensor that must be there with this shape; F64 and BF16 are converted.</summary>
    /// <exception cref="InvalidInputException">It is not, or has integers.</exception>
    public float[] ReadFloats(string name, params int[] shape)
    {
        SafeTensorInfo tensor = Require(name, shape, SafeTensorType.F32, SafeTensorType.BF16, SafeTensorType.F64);
        byte[] bytes = ReadBytes(tensor);
        return tensor.Type switch
        {
            SafeTensorType.F32 => MemoryMarshal.Cast<byte, float>(bytes).ToArray(),
            SafeTensorType.F64 => Array.ConvertAll(MemoryMarshal.Cast<byte, double>(bytes).ToArray(), value => (float)value),
            _ => Array.ConvertAll(
                MemoryMarshal.Cast<byte, ushort>(bytes).ToArray(), bits => BitConverter.UInt32BitsToSingle((uint)bits << 16)),
        };
    }

    public void Dispose() => file.Dispose();

    /// <summary>An error that names this file.</summary>
    public InvalidInputException Error(string what) => Error(Path, what);

    private static InvalidInputException Error(string path, string what, Exception? inner = null)
    {
        // Names come from the file; the message stays one line whatever they hold.
        string message = $"'{path}' cannot be used as a safetensors file: {what}.".ReplaceLineEndings(" ");
        return inner is null ? new(message) : new(message, inner);
    }

    private static T Read<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException error)
        {
            throw Error(path, error.Message, error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot read '{path}': {FileErrors.Describe(error)}.", error);
        }
    }

    private SafeTensorInfo Require(string name, int[] shape, params SafeTensorType[] types)
    {
        string expected = $"expected {string.Join(" or ", types)} of shape [{string.Join(", ", shape)}]";
        return !Tensors.TryGetValue(name, out SafeTensorInfo? tensor) ? throw Error($"tensor '{name}' is missing: {expected}")
            : !types.Contains(tensor.Type) || !tensor.Shape.AsSpan().SequenceEqual(shape)
                ? throw Error($"tensor '{name}' is {tensor.Type} of shape {tensor.ShapeText}: {expected}")
            : tensor;
    }

    private byte[] ReadBytes(SafeTensorInfo tensor) =>
        Read(Path, () =>
        {
            if (tensor.ByteCount > Array.MaxLength)
            {
                throw new FormatException($"tensor '{tensor.Name}' has {tensor.ByteCount} bytes, more than {Array.MaxLength}");
            }

            var bytes = new byte[tensor.ByteCount];
            file.Position = dataStart + tensor.Begin;
            file.ReadExactly(bytes);
            return bytes;
        });
}
