namespace FeatureTransform.Cuda;

/// <summary>A point in the work of a stream, that others can wait for, and whose time can be taken.</summary>
public sealed unsafe class CudaEvent : CudaObject
{
    /// <summary>Makes an event.</summary>
    /// <param name="context">The context of the streams that record it.</param>
    /// <param name="timed">Whether its time is taken too; without, it is cheaper.</param>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public CudaEvent(CudaContext context, bool timed = false)
        : base(context, owned: true)
    {
        using CudaContextScope scope = context.MakeCurrent();
        nint e;
        ThrowIfFailed(Api.cuEventCreate(
            &e, (uint)(timed ? CUevent_flags.CU_EVENT_DEFAULT : CUevent_flags.CU_EVENT_DISABLE_TIMING)));
        Own(e);
    }

    /// <summary>Uses an event (CUevent, cudaEvent_t) of someone else's.</summary>
    public CudaEvent(CudaContext context, nint handle)
        : base(context, owned: false, handle) => ArgumentOutOfRangeException.ThrowIfZero(handle);

    /// <summary>Whether all is done that the stream was given before the event was last recorded; true if it never was.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public bool IsComplete
    {
        get
        {
            using CudaContextScope scope = Context.MakeCurrent();
            CUresult result = Api.cuEventQuery(Handle);
            if (result == CUresult.CUDA_ERROR_NOT_READY)
            {
                return false;
            }
            ThrowIfFailed(result, nameof(Api.cuEventQuery));
            return true;
        }
    }

    /// <summary>Records it after all that <paramref name="stream"/> was given so far, in place of where it was before.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Record(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuEventRecord(Handle, stream.Handle));
        GC.KeepAlive(stream);
    }

    /// <summary>Blocks until all is done that the stream was given before the event was last recorded.</summary>
    /// <exception cref="CudaException">Something of it failed.</exception>
    public void Synchronize()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuEventSynchronize(Handle));
    }

    /// <summary>Time on the device from <paramref name="start"/> to this event, in ms; both are timed and complete.</summary>
    /// <exception cref="CudaException">One is not timed, not recorded, or not complete.</exception>
    public float MillisecondsSince(CudaEvent start)
    {
        ArgumentNullException.ThrowIfNull(start);
        using CudaContextScope scope = Context.MakeCurrent();
        float milliseconds;
        ThrowIfFailed(Api.cuEventElapsedTime(&milliseconds, start.Handle, Handle));
        GC.KeepAlive(start);
        return milliseconds;
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuEventDestroy_v2(handle);
}
