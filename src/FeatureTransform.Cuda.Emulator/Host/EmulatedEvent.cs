using System.Diagnostics;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A point in the work of a stream.</summary>
internal sealed class EmulatedEvent(EmulatedContext context, bool isTimed, string madeBy)
    : HostObject(context, HandleKind.Event, madeBy)
{
    /// <summary>The work that stands for the point; null before it was recorded, or where it was captured.</summary>
    private Work? recorded;

    /// <summary>Where it was last recorded, if in a capture: the capture and the nodes before the point.</summary>
    private (Capture Capture, List<GraphNode> Nodes)? captured;

    public void Record(EmulatedStream stream, string call)
    {
        if (stream.Context != Context)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_HANDLE, FindingKinds.WrongContext,
                $"{this} of {Context} is recorded in {stream} of {stream.Context}");
        }
        CaptureRules.RequireUsable(stream);
        captured = stream.Capture is { } capture ? (capture, [.. stream.CaptureTail]) : null;
        recorded = stream.Capture is null ? stream.Enqueue(new Operation(call, static () => { }), []) : null;
    }

    /// <summary>Lets a stream wait for the point; into its capture, where it was captured.</summary>
    public void Await(EmulatedStream stream)
    {
        CaptureRules.RequireUsable(stream);
        if (captured is { } point)
        {
            CaptureRules.Join(stream, point.Capture, point.Nodes, this);
        }
        else if (recorded is not null && stream.Capture is { } capture)
        {
            throw capture.Invalidate(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                $"{stream}, which captures, is to wait for {this}, which was not recorded in the capture");
        }
        else if (recorded is not null)
        {
            stream.WaitFor(recorded);
        }
    }

    public void Synchronize()
    {
        RequireNotCaptured();
        CaptureRules.RequireSafe(Context.Emulator);
        recorded?.Complete();
    }

    /// <summary>Whether the point is reached; if not, a piece of the work before it is done.</summary>
    public bool Query()
    {
        RequireNotCaptured();
        CaptureRules.RequireSafe(Context.Emulator);
        if (recorded is null or { IsDone: true })
        {
            return true;
        }
        recorded.Advance();
        return false;
    }

    /// <summary>From another point to this one: the time that the emulation took, which says nothing of a device.</summary>
    public float MillisecondsSince(EmulatedEvent start)
    {
        RequireNotCaptured();
        start.RequireNotCaptured();
        if (start.Context != Context)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_HANDLE, FindingKinds.WrongContext, $"{start} and {this} are of different contexts");
        }
        long from = start.RequireTime();
        return (float)Stopwatch.GetElapsedTime(from, RequireTime()).TotalMilliseconds;
    }

    private long RequireTime()
    {
        if (!isTimed || recorded is null)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_HANDLE, FindingKinds.InvalidHandle,
                $"{this} was {(isTimed ? "never recorded" : "made without timing")}");
        }
        return recorded.IsDone ? recorded.Timestamp : throw new CallRefused(CUresult.CUDA_ERROR_NOT_READY);
    }

    private void RequireNotCaptured()
    {
        if (captured is { } point)
        {
            throw point.Capture.Invalidate(
                CUresult.CUDA_ERROR_CAPTURED_EVENT, $"{this} was last recorded in a capture; only a stream can wait for it");
        }
    }
}
