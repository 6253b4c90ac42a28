using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>cuDNN on a device: what is executed by it is done in the order of one stream. For one thread at a time.</summary>
internal sealed unsafe class CuDnnHandle : SafeHandle
{
    private readonly CuDnnApi api;

    /// <summary>Opens cuDNN in the stream's context, which outlives the handle.</summary>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public CuDnnHandle(CuDnn library, CudaStream stream)
        : base(0, ownsHandle: true)
    {
        (api, Stream) = (library.Api, stream);
        using CudaContextScope scope = stream.Context.MakeCurrent();
        nint created;
        api.ThrowIfFailed(api.cudnnCreate(&created));
        SetHandle(created);
        api.ThrowIfFailed(api.cudnnSetStream(created, stream.Handle));
    }

    public CudaStream Stream { get; }

    public override bool IsInvalid => handle == 0;

    /// <summary>The cudnnHandle_t.</summary>
    /// <exception cref="ObjectDisposedException">It was disposed of.</exception>
    public nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return handle;
        }
    }

    protected override bool ReleaseHandle()
    {
        using CudaContextScope scope = Stream.Context.EnterForRelease();
        return api.cudnnDestroy(handle) == cudnnStatus_t.CUDNN_STATUS_SUCCESS;
    }
}
