using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>A cudnnBackendDescriptor_t: the attributes that it was given, and what became of them.</summary>
internal sealed unsafe class BackendObject(cudnnBackendDescriptorType_t type)
{
    private readonly Dictionary<cudnnBackendAttributeName_t, byte[]> values = [];
    private readonly Dictionary<cudnnBackendAttributeName_t, BackendObject[]> children = [];
    private object? result;

    public cudnnBackendDescriptorType_t Type { get; } = type;

    public bool IsFinalized => result is not null;

    /// <summary>What it stands for.</summary>
    /// <exception cref="CuDnnRefused">It is not finalized, or of another type.</exception>
    public T Result<T>()
        where T : class => result as T ?? throw new CuDnnRefused(
            IsFinalized ? cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE : cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
            IsFinalized ? $"{Type} is given where it cannot be" : $"{Type} is used before it is finalized");

    public void Become(object finalized) => result = finalized;

    public bool Has(cudnnBackendAttributeName_t name) => values.ContainsKey(name) || children.ContainsKey(name);

    public void Set(Emulator emulator, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, long count, byte* data)
    {
        if (IsFinalized)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{name} is set in {Type}, which is finalized");
        }
        AttributeRules.Check(Type, name, elements, count);
        if (data is null)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NULL_POINTER, $"the elements of {name} are null");
        }
        if (elements == cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR)
        {
            children[name] = [.. new ReadOnlySpan<nint>(data, (int)count).ToArray()
                .Select(handle => emulator.Handles.Get<BackendObject>(handle, HandleKind.Descriptor))];
            foreach (BackendObject child in children[name])
            {
                _ = child.Result<object>();
            }
            return;
        }
        byte[] bytes = new ReadOnlySpan<byte>(data, checked((int)(count * BackendDescriptor.ElementSize(elements)))).ToArray();
        AttributeRules.CheckValues(name, elements, bytes);
        values[name] = bytes;
    }

    public long Get(Emulator emulator, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, long room, byte* data)
    {
        AttributeRules.CheckType(name, elements);
        if (name == cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_RESULTS)
        {
            return GiveDescriptors(emulator, [.. Result<Proposals>().Engines.Select(engine => (object)engine)], room, (nint*)data);
        }
        if (name == cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINECFG_ENGINE)
        {
            return GiveDescriptors(emulator, [Result<EngineChoice>()], room, (nint*)data);
        }
        byte[] bytes = (result as IAttributes)?.Attribute(name)
            ?? (IsFinalized ? values.GetValueOrDefault(name) : null)
            ?? throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"{Type} has no {name}");
        int size = BackendDescriptor.ElementSize(elements);
        int given = (int)Math.Min(room * size, bytes.Length);
        bytes.AsSpan(0, given).CopyTo(new Span<byte>(data, given));
        return bytes.Length / size;
    }

    /// <summary>The only integer of an attribute.</summary>
    public long Integer(cudnnBackendAttributeName_t name, long otherwise = 0) =>
        values.TryGetValue(name, out byte[]? bytes) ? Integers(bytes, bytes.Length)[0] : otherwise;

    /// <summary>The 64-bit integers of an attribute.</summary>
    public long[] Longs(cudnnBackendAttributeName_t name) => Integers(values[name], sizeof(long));

    public byte[] Bytes(cudnnBackendAttributeName_t name) => values[name];

    public BackendObject[] Children(cudnnBackendAttributeName_t name) => children[name];

    public T Child<T>(cudnnBackendAttributeName_t name)
        where T : class => children[name][0].Result<T>();

    // What is asked for goes into descriptors that the caller has made.
    private static long GiveDescriptors(Emulator emulator, object[] found, long room, nint* handles)
    {
        for (int i = 0; i < Math.Min(room, found.Length); i++)
        {
            emulator.Handles.Get<BackendObject>(handles[i], HandleKind.Descriptor).Become(found[i]);
        }
        return found.Length;
    }

    private static long[] Integers(byte[] bytes, int size) => [.. bytes.Chunk(size).Select(element => size switch
    {
        sizeof(long) => BitConverter.ToInt64(element),
        sizeof(int) => BitConverter.ToInt32(element),
        _ => element[0],
    })];
}

/// <summary>A finalized descriptor that answers for attributes which were not set.</summary>
internal interface IAttributes
{
    /// <summary>The elements; null where it has no such attribute.</summary>
    byte[]? Attribute(cudnnBackendAttributeName_t name);
}
