using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Host;

// Streams, events, graphs.
internal static unsafe partial class DriverFunctions
{
    [UnmanagedCallersOnly]
    private static CUresult cuStreamCreate(nint* stream, uint flags) => InContext(context =>
    {
        RequirePointer(stream);
        if (flags > (uint)CUstream_flags.CU_STREAM_NON_BLOCKING)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument,
                $"{flags} are no flags of a stream");
        }
        *stream = context.CreateStream(isBlocking: flags == 0, nameof(cuStreamCreate)).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuStreamDestroy_v2(nint stream) => InContext(context =>
    {
        EmulatedStream found = context.Emulator.Handles.Get<EmulatedStream>(stream, HandleKind.Stream, destroys: true);
        found.Capture?.Invalidate(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "");
        context.Emulator.Handles.Remove(stream); // what it was given is still to be done
    }, destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamQuery(nint stream)
    {
        bool isIdle = true;
        CUresult result = InContext(context =>
        {
            EmulatedStream found = context.Stream(stream);
            CaptureRules.RequireNotCapturing(found);
            CaptureRules.RequireSafe(context.Emulator);
            isIdle = found.IsIdle;
            found.Advance();
        }, call: nameof(cuStreamQuery));
        return result == CUresult.CUDA_SUCCESS && !isIdle ? CUresult.CUDA_ERROR_NOT_READY : result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuStreamSynchronize(nint stream) => InContext(context =>
    {
        EmulatedStream found = context.Stream(stream);
        CaptureRules.RequireNotCapturing(found);
        CaptureRules.RequireSafe(context.Emulator);
        found.Synchronize();
    });

    [UnmanagedCallersOnly]
    private static CUresult cuStreamWaitEvent(nint stream, nint e, uint flags) => InContext(context =>
    {
        if (flags != 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall,
                "waiting for external events of a graph is not emulated");
        }
        Event(context, e).Await(context.Stream(stream));
    });

    [UnmanagedCallersOnly]
    private static CUresult cuStreamBeginCapture_v2(nint stream, CUstreamCaptureMode mode) =>
        InContext(context => CaptureRules.Begin(context.Stream(stream), mode, nameof(cuStreamBeginCapture_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuStreamEndCapture(nint stream, nint* graph) => InContext(context =>
    {
        RequirePointer(graph);
        *graph = 0;
        EmulatedStream found = context.Stream(stream);
        Capture capture = found.Capture ?? throw new CallRefused(
            CUresult.CUDA_ERROR_ILLEGAL_STATE, FindingKinds.Capture, $"{found} does not capture");
        *graph = capture.End(found).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuStreamIsCapturing(nint stream, CUstreamCaptureStatus* status) => InContext(context =>
    {
        RequirePointer(status);
        EmulatedStream found = context.Stream(stream);
        if (found.Order == StreamKind.Legacy && CaptureRules.BlockingCapture(context) is not null)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
        }
        *status = found.Capture switch
        {
            null => CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE,
            { IsInvalid: true } => CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED,
            _ => CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE,
        };
    });

    [UnmanagedCallersOnly]
    private static CUresult cuEventCreate(nint* e, uint flags) => InContext(context =>
    {
        RequirePointer(e);
        const uint Known = 1 | (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING; // 1: waiting blocks the thread
        if ((flags & ~Known) != 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall,
                $"flags 0x{flags:x} of an event are not emulated");
        }
        bool isTimed = (flags & (uint)CUevent_flags.CU_EVENT_DISABLE_TIMING) == 0;
        *e = new EmulatedEvent(context, isTimed, nameof(cuEventCreate)).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuEventDestroy_v2(nint e) => InContext(context =>
    {
        context.Emulator.Handles.Get<EmulatedEvent>(e, HandleKind.Event, destroys: true);
        context.Emulator.Handles.Remove(e);
    }, destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuEventRecord(nint e, nint stream) => InContext(
        context => Event(context, e).Record(context.Stream(stream), nameof(cuEventRecord)));

    [UnmanagedCallersOnly]
    private static CUresult cuEventQuery(nint e)
    {
        bool isComplete = true;
        CUresult result = InContext(
            context => isComplete = Event(context, e).Query(), call: nameof(cuEventQuery));
        return result == CUresult.CUDA_SUCCESS && !isComplete ? CUresult.CUDA_ERROR_NOT_READY : result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuEventSynchronize(nint e) =>
        InContext(context => Event(context, e).Synchronize());

    [UnmanagedCallersOnly]
    private static CUresult cuEventElapsedTime(float* milliseconds, nint start, nint end) => InContext(context =>
    {
        RequirePointer(milliseconds);
        *milliseconds = Event(context, end).MillisecondsSince(Event(context, start));
    });

    [UnmanagedCallersOnly]
    private static CUresult cuGraphDestroy(nint graph) => InContext(context =>
        context.Emulator.Handles.Get<EmulatedGraph>(graph, HandleKind.Graph, destroys: true).Discard(), destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuGraphGetNodes(nint graph, nint* nodes, nuint* count) => InContext(context =>
    {
        RequirePointer(count);
        EmulatedGraph found = context.Emulator.Handles.Get<EmulatedGraph>(graph, HandleKind.Graph);
        if (nodes is null)
        {
            *count = (nuint)found.Nodes.Count;
            return;
        }
        int room = (int)Math.Min(*count, int.MaxValue);
        var target = new Span<nint>(nodes, room);
        target.Clear();
        ReadOnlySpan<nint> handles = found.NodeHandles;
        handles[..Math.Min(room, handles.Length)].CopyTo(target);
        *count = (nuint)Math.Min(room, handles.Length);
    });

    [UnmanagedCallersOnly]
    private static CUresult cuGraphInstantiateWithFlags(nint* exec, nint graph, ulong flags) => InContext(context =>
    {
        RequirePointer(exec);
        if (flags != 0)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall,
                $"flags 0x{flags:x} are not emulated");
        }
        EmulatedGraph found = context.Emulator.Handles.Get<EmulatedGraph>(graph, HandleKind.Graph);
        *exec = new EmulatedGraphExec(found, nameof(cuGraphInstantiateWithFlags)).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuGraphExecDestroy(nint exec) => InContext(context =>
    {
        context.Emulator.Handles.Get<EmulatedGraphExec>(exec, HandleKind.GraphExec, destroys: true);
        context.Emulator.Handles.Remove(exec);
    }, destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuGraphLaunch(nint exec, nint stream) => InContext(context =>
        context.Emulator.Handles.Get<EmulatedGraphExec>(exec, HandleKind.GraphExec)
            .Launch(context.Stream(stream), nameof(cuGraphLaunch)));

    private static EmulatedEvent Event(EmulatedContext context, nint handle) =>
        context.Emulator.Handles.Get<EmulatedEvent>(handle, HandleKind.Event);
}
