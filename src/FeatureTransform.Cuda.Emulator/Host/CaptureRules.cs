namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>
/// What the documentation of cuStreamBeginCapture and cuThreadExchangeStreamCaptureMode forbids while streams capture.
/// </summary>
internal static class CaptureRules
{
    /// <summary>A stream that is to be given something: neither is its capture spoilt, nor does it wait for one.</summary>
    public static void RequireUsable(EmulatedStream stream)
    {
        if (stream.Capture is { IsInvalid: true })
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, FindingKinds.Capture,
                $"the capture of {stream} was invalidated before");
        }
        if (stream.Order == StreamKind.Legacy && BlockingCapture(stream.Context) is { } blocking)
        {
            throw blocking.Capture!.Invalidate(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, $"the default stream would wait for {blocking}, which captures");
        }
    }

    /// <summary>A stream that is to be waited for, or asked whether it is idle.</summary>
    public static void RequireNotCapturing(EmulatedStream stream)
    {
        RequireUsable(stream);
        if (stream.Capture is { } capture)
        {
            throw capture.Invalidate(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                $"{stream} captures and cannot be waited for");
        }
    }

    /// <summary>A context that is to be waited for.</summary>
    public static void RequireNotCapturing(EmulatedContext context)
    {
        foreach (EmulatedStream stream in context.Streams)
        {
            RequireNotCapturing(stream);
        }
    }

    /// <summary>A call that a capture would not see: allocating, freeing, blocking, asking.</summary>
    public static void RequireSafe(Emulator emulator)
    {
        int thread = Environment.CurrentManagedThreadId;
        Capture[] conflicting = [.. emulator.Captures.Where(c =>
            c.Mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
            || (c.Mode == CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && c.Thread == thread))];
        foreach (Capture capture in conflicting)
        {
            capture.Invalidate(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "");
        }
        if (conflicting.Length > 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, FindingKinds.Capture,
                $"the call is not permitted while {conflicting[0].Origin} captures");
        }
    }

    /// <summary>Begins to record a stream.</summary>
    public static void Begin(EmulatedStream stream, CUstreamCaptureMode mode, string call)
    {
        if (!Enum.IsDefined(mode))
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument,
                $"{(int)mode} is no capture mode");
        }
        if (stream.Order == StreamKind.Legacy)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, FindingKinds.Capture, "the default stream cannot capture");
        }
        if (stream.Capture is not null)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_ILLEGAL_STATE, FindingKinds.Capture, $"{stream} captures already");
        }
        _ = new Capture(stream, mode, call);
    }

    /// <summary>Lets a stream wait for a point of a capture, which makes it part of the capture.</summary>
    public static void Join(EmulatedStream stream, Capture capture, List<GraphNode> nodes, EmulatedEvent point)
    {
        if (capture.IsEnded)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_CAPTURED_EVENT, FindingKinds.Capture,
                $"{point} was last recorded in a capture, which has ended");
        }
        if (stream.Order == StreamKind.Legacy)
        {
            throw capture.Invalidate(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, $"the default stream cannot wait for {point}, which was captured");
        }
        if (stream.Capture is null)
        {
            capture.Add(stream, [.. nodes]);
        }
        else if (stream.Capture == capture)
        {
            stream.CaptureTail = [.. stream.CaptureTail.Union(nodes)];
        }
        else
        {
            stream.Capture.Invalidate(CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE, "");
            throw capture.Invalidate(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE, $"{stream} and {point} belong to different captures");
        }
    }

    public static EmulatedStream? BlockingCapture(EmulatedContext context) =>
        context.Streams.Find(s => s is { Order: StreamKind.Blocking, Capture: not null });
}
