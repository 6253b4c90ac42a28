using System.Text.Json;
using FeatureTransform.Cuda;

namespace FeatureTransform.PtxRun;

/// <summary>Reads a case and the contents of its buffers.</summary>
/// <param name="folder">What paths are relative to.</param>
internal sealed class CaseReader(string folder)
{
    /// <summary>Buffers become text; no string is longer.</summary>
    private const int MostBytes = 256 << 20;

    public Case Read(JsonElement json)
    {
        var fields = new Fields(json, "", "ptx", "source", "kernel", "grid", "block", "cluster", "dynSmem", "args");
        string kind = fields.OnlyOne("ptx", "source");
        string path = ExistingFile(fields.GetString(kind), kind);
        return new Case
        {
            Ptx = kind == "ptx" ? path : null,
            Source = kind == "source" ? path : null,
            Kernel = fields.GetString("kernel"),
            Grid = Extent(fields, "grid"),
            Block = Extent(fields, "block"),
            Cluster = fields.Has("cluster") ? Extent(fields, "cluster") : new Dim3(1),
            DynamicSharedBytes = fields.Has("dynSmem") ? fields.GetInteger("dynSmem", int.MaxValue) : 0,
            Arguments = [.. fields.GetList("args").Select((argument, i) => Argument(argument, $"args[{i}]"))],
        };
    }

    private static Dim3 Extent(Fields fields, string name)
    {
        JsonElement value = fields.Get(name);
        uint[] sizes = value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(Size)]
            : [];
        return sizes.Length is >= 1 and <= 3 && !sizes.Contains(0u)
            ? new Dim3(sizes[0], sizes.Length > 1 ? sizes[1] : 1, sizes.Length > 2 ? sizes[2] : 1)
            : throw fields.Refuse("must be an array [x, y, z] of integers from 1", name);
    }

    private static uint Size(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetUInt32(out uint size) ? size : 0;

    private CaseArgument Argument(JsonElement json, string place)
    {
        var fields = new Fields(json, place, "buffer", "hex", "file", "bytes", "fill", "value");
        return fields.OnlyOne("buffer", "value") == "value" ? Value(new Fields(json, place, "value"), place) : Buffer(fields);
    }

    private static ValueArgument Value(Fields fields, string place)
    {
        var value = new Fields(fields.Get("value"), $"{place}.value", Scalars.Types);
        string type = value.OnlyOne(Scalars.Types);
        return new ValueArgument(type, Scalars.Bytes(type, value.Get(type)) ?? throw value.Refuse(Scalars.Expected(type), type));
    }

    private BufferArgument Buffer(Fields fields)
    {
        string name = fields.GetString("buffer");
        string kind = fields.OnlyOne("hex", "file", "bytes");
        if (kind == "bytes")
        {
            int bytes = fields.GetInteger("bytes", MostBytes);
            byte[]? content = null;
            if (fields.Has("fill"))
            {
                Array.Fill(content = new byte[bytes], (byte)fields.GetInteger("fill", byte.MaxValue));
            }
            return new BufferArgument(name, bytes, content, IsOutput: true);
        }
        if (fields.Has("fill"))
        {
            throw fields.Refuse($"has \"fill\", which goes with \"bytes\", not with \"{kind}\"");
        }
        byte[] given = kind == "hex"
            ? Scalars.Bytes("hex", fields.Get("hex")) ?? throw fields.Refuse(Scalars.Expected("hex"), "hex")
            : Content(fields);
        return new BufferArgument(name, given.Length, given, IsOutput: false);
    }

    private byte[] Content(Fields fields)
    {
        string path = ExistingFile(fields.GetString("file"), "file");
        return new FileInfo(path).Length <= MostBytes
            ? File.ReadAllBytes(path)
            : throw fields.Refuse($"has more than {MostBytes} bytes", "file");
    }

    private string ExistingFile(string name, string kind)
    {
        string path = Path.GetFullPath(Path.Combine(folder, name));
        return File.Exists(path) ? path : throw new BadInputException($"{kind}: there is no file {path}");
    }
}
