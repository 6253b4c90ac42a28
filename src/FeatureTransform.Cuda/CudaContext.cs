using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// A context of a device: what memory, streams and modules belong to. The device's primary context is the one that CUDA's
/// run-time library, cuBLAS, cuDNN and others of the process use too, so that pointers and streams pass freely between them.
/// </summary>
/// <remarks>
/// Disposing of it releases it once the last object that was made in it is destroyed. Any thread may use it; several contexts may
/// be used by one thread in turn, or by several threads at once.
/// </remarks>
public sealed unsafe class CudaContext : SafeHandle
{
    /// <summary>Retains the device's primary context.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public CudaContext(CudaDevice device)
        : base(0, ownsHandle: true)
    {
        ArgumentNullException.ThrowIfNull(device);
        Device = device;
        nint context;
        device.Driver.ThrowIfFailed(Api.cuDevicePrimaryCtxRetain(&context, device.Handle));
        SetHandle(context);
    }

    /// <summary>
    /// Uses a context (CUcontext) of someone else's, who keeps it until every object that is made in it here is disposed of.
    /// </summary>
    /// <exception cref="CudaException">It is not a context of this driver.</exception>
    public CudaContext(CudaDriver driver, nint handle)
        : base(0, ownsHandle: false)
    {
        ArgumentNullException.ThrowIfNull(driver);
        ArgumentOutOfRangeException.ThrowIfZero(handle);
        SetHandle(handle);
        using var scope = new CudaContextScope(driver, handle, owner: null);
        int device;
        driver.ThrowIfFailed(driver.Api.cuCtxGetDevice(&device));
        int found = device;
        Device = driver.Devices.First(candidate => candidate.Handle == found);
    }

    /// <summary>The device.</summary>
    public CudaDevice Device { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>The native CUcontext, for other libraries. It is valid while this object is reachable and not disposed.</summary>
    /// <exception cref="ObjectDisposedException">The context was released.</exception>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    private DriverApi Api => Device.Driver.Api;

    /// <summary>
    /// Makes the context current on the calling thread, for calls of other libraries, until the scope is disposed of; then the
    /// context before it is current again. What this library offers does so by itself, and is a little faster within such a
    /// scope.
    /// </summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public CudaContextScope MakeCurrent() => new(Device.Driver, Handle, this);

    /// <summary>Blocks until all that any stream of the context was given is done.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = MakeCurrent();
        Device.Driver.ThrowIfFailed(Api.cuCtxSynchronize());
    }

    /// <summary>Bytes of device memory that are free now, whoever uses the rest.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public long GetFreeMemory()
    {
        using CudaContextScope scope = MakeCurrent();
        nuint free, total;
        Device.Driver.ThrowIfFailed(Api.cuMemGetInfo_v2(&free, &total));
        return (long)free;
    }

    /// <summary>As <see cref="MakeCurrent"/>, but never throws.</summary>
    internal CudaContextScope EnterForRelease() => new(Device.Driver, handle, this, throws: false);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Api.cuDevicePrimaryCtxRelease_v2(Device.Handle) == CUresult.CUDA_SUCCESS;
}
