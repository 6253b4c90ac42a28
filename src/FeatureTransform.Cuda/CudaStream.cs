namespace FeatureTransform.Cuda;

/// <summary>
/// A queue of work on the device. What is given to one stream is done in that order; different streams are ordered only by
/// events. A stream that was made here is not ordered with the device's default stream either.
/// </summary>
public sealed unsafe class CudaStream : CudaObject
{
    /// <summary>Makes a stream.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public CudaStream(CudaContext context)
        : base(context, owned: true)
    {
        using CudaContextScope scope = context.MakeCurrent();
        nint stream;
        ThrowIfFailed(Api.cuStreamCreate(&stream, (uint)CUstream_flags.CU_STREAM_NON_BLOCKING));
        Own(stream);
    }

    /// <summary>Uses a stream (CUstream, cudaStream_t) of someone else's; 0 is the context's default stream.</summary>
    public CudaStream(CudaContext context, nint handle)
        : base(context, owned: false, handle)
    {
    }

    /// <summary>Whether all that it was given is done.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public bool IsIdle
    {
        get
        {
            using CudaContextScope scope = Context.MakeCurrent();
            CUresult result = Api.cuStreamQuery(Handle);
            if (result == CUresult.CUDA_ERROR_NOT_READY)
            {
                return false;
            }
            ThrowIfFailed(result, nameof(Api.cuStreamQuery));
            return true;
        }
    }

    /// <summary>Whether what it is given is recorded into a graph.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public bool IsCapturing
    {
        get
        {
            using CudaContextScope scope = Context.MakeCurrent();
            CUstreamCaptureStatus status;
            ThrowIfFailed(Api.cuStreamIsCapturing(Handle, &status));
            return status != CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE;
        }
    }

    /// <summary>Blocks until all that it was given is done.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuStreamSynchronize(Handle));
    }

    /// <summary>
    /// Lets all that it is given from now on wait for what <paramref name="e"/> was last recorded after. Does not block.
    /// </summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void WaitFor(CudaEvent e)
    {
        ArgumentNullException.ThrowIfNull(e);
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuStreamWaitEvent(Handle, e.Handle, 0));
        GC.KeepAlive(e);
    }

    /// <summary>
    /// From now on what it is given is recorded and not done, until <see cref="EndCapture"/>, which the same thread must call.
    /// Meanwhile neither this thread may call what synchronises or allocates, nor may the stream be waited for.
    /// </summary>
    /// <exception cref="CudaException">The driver refuses: it is the default stream, or captures already.</exception>
    public void BeginCapture()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuStreamBeginCapture_v2(Handle, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    }

    /// <summary>Ends the recording and gives what was recorded.</summary>
    /// <exception cref="CudaException">The stream does not capture, or a call since its begin was not permitted.</exception>
    public CudaGraph EndCapture()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint graph;
        ThrowIfFailed(Api.cuStreamEndCapture(Handle, &graph));
        return new CudaGraph(Context, graph);
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuStreamDestroy_v2(handle);
}
