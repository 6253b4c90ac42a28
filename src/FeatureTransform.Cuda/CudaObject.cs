using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// A native object of a context. One that was made here is destroyed by Dispose, or some time after it is unreachable, and keeps
/// what it was made from alive until then: the context is never released before its objects, whatever the order of disposal. One
/// that wraps a handle of someone else's is never destroyed here; its owner keeps it until the wrapper is no longer used.
/// </summary>
/// <remarks>
/// Any thread may use an object, and several may at once, except that none may be disposed of while another thread uses it.
/// Each method makes the object's context current on the calling thread for its own duration, unless it is so already.
/// </remarks>
public abstract class CudaObject : SafeHandle
{
    private readonly object? parent; // reachable as long as this is
    private bool keepsContext;
    private CudaStream? kept;

    private protected CudaObject(CudaContext context, bool owned, nint handle = 0, object? parent = null)
        : base(0, owned)
    {
        ArgumentNullException.ThrowIfNull(context);
        Context = context;
        this.parent = parent;
        SetHandle(handle);
    }

    /// <summary>The context that it belongs to.</summary>
    public CudaContext Context { get; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == 0;

    /// <summary>
    /// The native handle, or address, for other libraries. It is valid while this object is reachable and not disposed.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The object was disposed of.</exception>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    private protected DriverApi Api => Context.Device.Driver.Api;

    /// <summary>Takes what was created, to be destroyed before the context is, and the stream that it needs for that.</summary>
    private protected void Own(nint created, CudaStream? stream = null)
    {
        SetHandle(created);
        Context.DangerousAddRef(ref keepsContext);
        bool added = false;
        stream?.DangerousAddRef(ref added);
        kept = stream;
    }

    /// <summary>As the driver's, and keeps this object alive until the call was made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void ThrowIfFailed(CUresult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        Context.Device.Driver.ThrowIfFailed(result, call);
        GC.KeepAlive(this);
    }

    /// <summary>Destroys the handle; the context is current.</summary>
    private protected abstract CUresult Destroy();

    /// <inheritdoc/>
    protected sealed override bool ReleaseHandle()
    {
        bool destroyed;
        using (Context.EnterForRelease())
        {
            destroyed = Destroy() == CUresult.CUDA_SUCCESS;
        }
        kept?.DangerousRelease();
        if (keepsContext)
        {
            Context.DangerousRelease();
        }
        return destroyed;
    }
}
