using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>A descriptor of cuDNN's backend. What it is made of is kept by cuDNN once it is finalized.</summary>
internal sealed unsafe class BackendDescriptor : SafeHandle
{
    private readonly CuDnnApi api;
    private readonly cudnnBackendDescriptorType_t type;

    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public BackendDescriptor(CuDnnApi api, cudnnBackendDescriptorType_t type)
        : base(0, ownsHandle: true)
    {
        (this.api, this.type) = (api, type);
        nint created;
        Check(api.cudnnBackendCreateDescriptor(type, &created), nameof(api.cudnnBackendCreateDescriptor));
        SetHandle(created);
    }

    public override bool IsInvalid => handle == 0;

    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    /// <summary>Bytes of an element of an attribute.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Its values are no integers, floats or handles.</exception>
    public static int ElementSize(cudnnBackendAttributeType_t type) => type switch
    {
        cudnnBackendAttributeType_t.CUDNN_TYPE_INT64 or cudnnBackendAttributeType_t.CUDNN_TYPE_DOUBLE
            or cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR or cudnnBackendAttributeType_t.CUDNN_TYPE_HANDLE
            or cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR => sizeof(long),
        cudnnBackendAttributeType_t.CUDNN_TYPE_BOOLEAN or cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR => sizeof(byte),
        _ when Enum.IsDefined(type) => sizeof(int),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "This type of attributes is not known."),
    };

    /// <summary>Sets an attribute.</summary>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public void Set<T>(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, params ReadOnlySpan<T> values)
        where T : unmanaged
    {
        if (sizeof(T) != ElementSize(elements))
        {
            throw new ArgumentException($"{elements} has elements of {ElementSize(elements)} bytes, {typeof(T).Name} has {sizeof(T)}.");
        }
        fixed (T* first = values)
        {
            Check(api.cudnnBackendSetAttribute(Handle, name, elements, values.Length, first), nameof(api.cudnnBackendSetAttribute), name);
        }
    }

    /// <summary>Sets an attribute of integers, in the size that its type asks for; fp32 by its bits.</summary>
    public void SetIntegers(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, params ReadOnlySpan<long> values)
    {
        switch (ElementSize(elements))
        {
            case sizeof(long):
                Set(name, elements, values);
                break;
            case sizeof(int):
                Set(name, elements, (ReadOnlySpan<int>)[.. values.ToArray().Select(value => checked((int)value))]);
                break;
            default:
                Set(name, elements, (ReadOnlySpan<byte>)[.. values.ToArray().Select(value => checked((byte)value))]);
                break;
        }
    }

    public void SetDescriptors(cudnnBackendAttributeName_t name, params ReadOnlySpan<BackendDescriptor> values)
    {
        nint[] handles = [.. values.ToArray().Select(value => value.Handle)];
        Set(name, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, (ReadOnlySpan<nint>)handles);
        foreach (BackendDescriptor value in values)
        {
            GC.KeepAlive(value);
        }
    }

    /// <summary>How many elements an attribute has, read into <paramref name="room"/> as far as that goes.</summary>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public long Get<T>(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements, Span<T> room)
        where T : unmanaged
    {
        long count = 0;
        fixed (T* first = room)
        {
            Check(
                api.cudnnBackendGetAttribute(Handle, name, elements, room.Length, &count, first),
                nameof(api.cudnnBackendGetAttribute), name);
        }
        return count;
    }

    /// <summary>All elements of an attribute.</summary>
    public T[] GetAll<T>(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t elements)
        where T : unmanaged
    {
        var values = new T[Get<T>(name, elements, [])];
        if (values.Length > 0)
        {
            Array.Resize(ref values, (int)Math.Min(values.Length, Get<T>(name, elements, values)));
        }
        return values;
    }

    /// <exception cref="CudaException">cuDNN refuses what it was given.</exception>
    public BackendDescriptor Finalized()
    {
        Check(api.cudnnBackendFinalize(Handle), nameof(api.cudnnBackendFinalize));
        return this;
    }

    /// <summary>Why it cannot be finalized; null where it now is.</summary>
    public CudaException? TryFinalize()
    {
        cudnnStatus_t status = api.cudnnBackendFinalize(Handle);
        return status == cudnnStatus_t.CUDNN_STATUS_SUCCESS ? null : api.Failure(status, nameof(api.cudnnBackendFinalize), Details(null));
    }

    protected override bool ReleaseHandle() => api.cudnnBackendDestroyDescriptor(handle) == cudnnStatus_t.CUDNN_STATUS_SUCCESS;

    private void Check(cudnnStatus_t status, string call, cudnnBackendAttributeName_t? name = null)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
        {
            throw api.Failure(status, call, Details(name));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private string Details(cudnnBackendAttributeName_t? name) => name is null ? $" {type}." : $" {type}, {name}.";
}
