namespace FeatureTransform.Cuda;

/// <summary>Page-locked host memory, which the device copies from and to while the host does something else.</summary>
public sealed unsafe class PinnedMemory : CudaObject
{
    /// <summary>Allocates memory. Its contents are undefined. May wait for the device.</summary>
    /// <exception cref="CudaException">The system does not lock so much.</exception>
    public PinnedMemory(CudaContext context, long bytes)
        : base(context, owned: true)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        Bytes = bytes;
        using CudaContextScope scope = context.MakeCurrent();
        void* address;
        CUresult result = Api.cuMemHostAlloc(&address, (nuint)bytes, 0);
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw context.Device.Driver.Failure(result, nameof(Api.cuMemHostAlloc), $" {bytes} bytes.");
        }
        Own((nint)address);
    }

    /// <summary>Number of bytes.</summary>
    public long Bytes { get; }

    /// <summary>The memory as elements. The span is valid while this object is reachable and not disposed.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed of.</exception>
    public Span<T> AsSpan<T>()
        where T : unmanaged => new((void*)Handle, checked((int)(Bytes / sizeof(T))));

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuMemFreeHost((void*)handle);
}
