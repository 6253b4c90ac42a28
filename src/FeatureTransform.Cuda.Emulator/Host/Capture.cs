namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A recording of what streams are given, until it is ended in the stream where it began.</summary>
internal sealed class Capture
{
    private readonly List<EmulatedStream> streams = [];

    public Capture(EmulatedStream origin, CUstreamCaptureMode mode, string call)
    {
        Origin = origin;
        Mode = mode;
        Thread = Environment.CurrentManagedThreadId;
        Graph = new EmulatedGraph(origin.Context, call);
        Add(origin, []);
        origin.Context.Emulator.Captures.Add(this);
    }

    public EmulatedStream Origin { get; }

    public CUstreamCaptureMode Mode { get; }

    /// <summary>The thread that began it.</summary>
    public int Thread { get; }

    public EmulatedGraph Graph { get; }

    public bool IsInvalid { get; private set; }

    public bool IsEnded { get; private set; }

    /// <summary>Lets a stream take part.</summary>
    public void Add(EmulatedStream stream, List<GraphNode> tail)
    {
        streams.Add(stream);
        stream.Capture = this;
        stream.CaptureTail = tail;
    }

    /// <summary>Spoils it; the refusal to throw.</summary>
    public CallRefused Invalidate(CUresult code, string message)
    {
        IsInvalid |= !IsEnded;
        return new CallRefused(code, FindingKinds.Capture, message);
    }

    /// <summary>Ends it. The graph.</summary>
    public EmulatedGraph End(EmulatedStream stream)
    {
        if (stream != Origin)
        {
            throw Invalidate(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, $"it began in {Origin} and is ended in {stream}");
        }
        if (Mode != CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED && Thread != Environment.CurrentManagedThreadId)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, FindingKinds.Capture,
                $"the capture of {Origin} was begun by another thread");
        }
        HashSet<GraphNode> joined = Graph.Ancestors(Origin.CaptureTail);
        EmulatedStream? unjoined = streams.Find(s => !joined.IsSupersetOf(s.CaptureTail));
        bool wasInvalid = IsInvalid;
        Close();
        if (wasInvalid)
        {
            Graph.Discard();
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, FindingKinds.Capture,
                $"the capture of {Origin} was invalidated before");
        }
        if (unjoined is not null)
        {
            Graph.Discard();
            throw new CallRefused(
                CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED, FindingKinds.Capture,
                $"{Origin} does not wait for the work of {unjoined}");
        }
        return Graph;
    }

    /// <summary>Lets its streams go.</summary>
    public void Close()
    {
        IsEnded = true;
        Origin.Context.Emulator.Captures.Remove(this);
        foreach (EmulatedStream stream in streams)
        {
            stream.Capture = null;
            stream.CaptureTail = [];
        }
    }
}
