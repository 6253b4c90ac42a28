namespace FeatureTransform.Cuda;

/// <summary>A range of device memory, in bytes.</summary>
public sealed unsafe class DeviceMemory : CudaObject
{
    private readonly CudaStream? stream; // the memory is freed in its order

    /// <summary>Allocates memory. Its contents are undefined. May wait for the device.</summary>
    /// <exception cref="CudaException">There is not so much free.</exception>
    public DeviceMemory(CudaContext context, long bytes)
        : base(context, owned: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Bytes = bytes;
        using CudaContextScope scope = context.MakeCurrent();
        ulong address;
        CUresult result = Api.cuMemAlloc_v2(&address, (nuint)bytes);
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw context.Device.Driver.Failure(result, nameof(Api.cuMemAlloc_v2), $" {bytes} bytes.");
        }
        Own((nint)address);
    }

    /// <summary>
    /// Allocates memory in the order of <paramref name="stream"/>, without waiting: it exists for what the stream is given from
    /// now on, and is freed, when disposed of, after what the stream was given until then. Its contents are undefined.
    /// </summary>
    /// <exception cref="CudaException">There is not so much free.</exception>
    public DeviceMemory(CudaStream stream, long bytes)
        : base((stream ?? throw new ArgumentNullException(nameof(stream))).Context, owned: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Bytes = bytes;
        this.stream = stream;
        using CudaContextScope scope = Context.MakeCurrent();
        ulong address;
        CUresult result = Api.cuMemAllocAsync(&address, (nuint)bytes, stream.Handle);
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw Context.Device.Driver.Failure(result, nameof(Api.cuMemAllocAsync), $" {bytes} bytes.");
        }
        Own((nint)address, stream);
    }

    /// <summary>Uses memory (CUdeviceptr, a device pointer) of someone else's.</summary>
    public DeviceMemory(CudaContext context, ulong address, long bytes)
        : this(context, address, bytes, parent: null)
    {
    }

    private DeviceMemory(CudaContext context, ulong address, long bytes, DeviceMemory? parent)
        : base(context, owned: false, (nint)address, parent)
    {
        ArgumentOutOfRangeException.ThrowIfZero(address);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        Bytes = bytes;
    }

    /// <summary>The address on the device. It is valid while this object is reachable and not disposed.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed of.</exception>
    public ulong Address => (ulong)Handle;

    /// <summary>Number of bytes.</summary>
    public long Bytes { get; }

    /// <summary>A part of this memory, which it keeps reachable; disposing of the part frees nothing.</summary>
    public DeviceMemory Slice(long offset, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Bytes - offset);
        return new DeviceMemory(Context, Address + (ulong)offset, bytes, this);
    }

    /// <summary>Sets every byte, in the order of <paramref name="stream"/>. Does not block.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Fill(byte value, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuMemsetD8Async(Address, value, (nuint)Bytes, stream.Handle));
        GC.KeepAlive(stream);
    }

    /// <summary>
    /// Sets every 32-bit word, in the order of <paramref name="stream"/>; up to three bytes at the end stay as they are. Does not
    /// block.
    /// </summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void FillWords(uint value, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Api.Require(Api.cuMemsetD32Async, nameof(Api.cuMemsetD32Async));
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuMemsetD32Async(Address, value, (nuint)Bytes / sizeof(uint), stream.Handle));
        GC.KeepAlive(stream);
    }

    /// <summary>
    /// Copies to the first bytes of this memory in the order of <paramref name="stream"/>, and blocks until that is done.
    /// </summary>
    /// <exception cref="ArgumentException">It is more than this memory holds.</exception>
    /// <exception cref="CudaException">The driver refuses, or something before it in the stream failed.</exception>
    public void CopyFrom<T>(ReadOnlySpan<T> source, CudaStream stream)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        nuint bytes = Fit((long)source.Length * sizeof(T), nameof(source));
        using CudaContextScope scope = Context.MakeCurrent();
        fixed (T* from = source)
        {
            ThrowIfFailed(Api.cuMemcpyHtoDAsync_v2(Address, from, bytes, stream.Handle));
            stream.Synchronize();
        }
    }

    /// <summary>
    /// Copies the first bytes of this memory in the order of <paramref name="stream"/>, and blocks until that is done.
    /// </summary>
    /// <exception cref="ArgumentException">It is more than this memory holds.</exception>
    /// <exception cref="CudaException">The driver refuses, or something before it in the stream failed.</exception>
    public void CopyTo<T>(Span<T> destination, CudaStream stream)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        nuint bytes = Fit((long)destination.Length * sizeof(T), nameof(destination));
        using CudaContextScope scope = Context.MakeCurrent();
        fixed (T* to = destination)
        {
            ThrowIfFailed(Api.cuMemcpyDtoHAsync_v2(to, Address, bytes, stream.Handle));
            stream.Synchronize();
        }
    }

    /// <summary>
    /// Copies all of <paramref name="source"/> to the first bytes of this memory, in the order of <paramref name="stream"/>. Does
    /// not block: until it is done the source must stay as it is, and be kept.
    /// </summary>
    /// <exception cref="ArgumentException">It is more than this memory holds.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void CopyFrom(PinnedMemory source, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(stream);
        nuint bytes = Fit(source.Bytes, nameof(source));
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuMemcpyHtoDAsync_v2(Address, (void*)source.Handle, bytes, stream.Handle));
        GC.KeepAlive(source);
        GC.KeepAlive(stream);
    }

    /// <summary>
    /// Fills <paramref name="destination"/> from the first bytes of this memory, in the order of <paramref name="stream"/>. Does
    /// not block: until it is done the destination is not to be read, and is to be kept.
    /// </summary>
    /// <exception cref="ArgumentException">It is more than this memory holds.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void CopyTo(PinnedMemory destination, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(stream);
        nuint bytes = Fit(destination.Bytes, nameof(destination));
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuMemcpyDtoHAsync_v2((void*)destination.Handle, Address, bytes, stream.Handle));
        GC.KeepAlive(destination);
        GC.KeepAlive(stream);
    }

    /// <summary>
    /// Copies all of <paramref name="source"/> to the first bytes of this memory, in the order of <paramref name="stream"/>. Does
    /// not block.
    /// </summary>
    /// <exception cref="ArgumentException">It is more than this memory holds.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void CopyFrom(DeviceMemory source, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(stream);
        nuint bytes = Fit(source.Bytes, nameof(source));
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuMemcpyDtoDAsync_v2(Address, source.Address, bytes, stream.Handle));
        GC.KeepAlive(source);
        GC.KeepAlive(stream);
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() =>
        stream is null ? Api.cuMemFree_v2((ulong)handle) : Api.cuMemFreeAsync((ulong)handle, stream.DangerousGetHandle());

    private nuint Fit(long bytes, string name) => bytes <= Bytes
        ? (nuint)bytes
        : throw new ArgumentException($"{bytes} bytes do not fit into device memory of {Bytes}.", name);
}
