using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A context: memory, streams and what else belongs together, and whether it is lost.</summary>
internal sealed class EmulatedContext
{
    private const int MostNamed = 5;
    private readonly Dictionary<int, EmulatedStream> perThread = [];

    public EmulatedContext(EmulatedDevice device, string madeBy)
    {
        Device = device;
        Emulator = device.Emulator;
        Handle = Emulator.Handles.Add(this, HandleKind.Context);
        Memory = new ContextMemory(this);
        Legacy = OwnStream(StreamKind.Legacy, madeBy);
    }

    public Emulator Emulator { get; }

    public EmulatedDevice Device { get; }

    public nint Handle { get; }

    public ContextMemory Memory { get; }

    public bool IsDestroyed { get; private set; }

    /// <summary>What every further call answers once work has failed.</summary>
    public CUresult Failure { get; private set; }

    /// <summary>The default stream, handle 0.</summary>
    public EmulatedStream Legacy { get; }

    /// <summary>Every stream that may have work, destroyed ones included.</summary>
    public List<EmulatedStream> Streams { get; } = [];

    /// <summary>Waiting work that reads or writes host memory.</summary>
    public HashSet<Work> HostWork { get; } = [];

    public override string ToString() => HandleTable.Describe(Handle);

    /// <summary>The stream of a handle; 0 and 1 are the default stream, 2 is the calling thread's own.</summary>
    public EmulatedStream Stream(nint handle) => handle switch
    {
        0 or 1 => Legacy,
        2 => ThreadStream(),
        _ => Emulator.Handles.Get<EmulatedStream>(handle, HandleKind.Stream),
    };

    public EmulatedStream CreateStream(bool isBlocking, string call)
    {
        Streams.RemoveAll(s => s.IsIdle && !Emulator.Handles.TryGet(s.Handle, out EmulatedStream? _) && s != Legacy);
        var stream = new EmulatedStream(this, isBlocking ? StreamKind.Blocking : StreamKind.NonBlocking, call);
        Streams.Add(stream);
        return stream;
    }

    /// <summary>Does all that any stream was given.</summary>
    public void Synchronize()
    {
        IEnumerable<EmulatedStream> order = Streams;
        if (Emulator.Options.OrderSeed != 0)
        {
            EmulatedStream[] shuffled = [.. Streams];
            new Random(Emulator.Options.OrderSeed).Shuffle(shuffled);
            order = shuffled;
        }
        foreach (EmulatedStream stream in order.ToArray())
        {
            stream.Synchronize();
        }
    }

    /// <summary>Work failed: the context can do nothing more.</summary>
    public void Fail(CUresult code, string call, string message)
    {
        if (Failure == CUresult.CUDA_SUCCESS)
        {
            Failure = code;
            Emulator.Report(FindingKinds.KernelFault, call, $"{code}: {message}");
        }
    }

    /// <summary>Ends it: work that waits is done, what is left is reported and freed.</summary>
    public void Destroy(string call)
    {
        Synchronize();
        foreach (Capture capture in Emulator.Captures.Where(c => c.Origin.Context == this).ToArray())
        {
            Emulator.Report(FindingKinds.Capture, call, $"{capture.Origin} still captures");
            capture.Close();
        }
        HostObject[] left = [.. Emulator.Handles.LiveOf(this)];
        if (Failure == CUresult.CUDA_SUCCESS)
        {
            IEnumerable<HostObject> owned = left.Where(o => o.Kind != HandleKind.Function); // those go with their module
            foreach (IGrouping<HandleKind, HostObject> kind in owned.GroupBy(o => o.Kind))
            {
                ReportLeak(call, kind.Key.ToString().ToLowerInvariant(), [.. kind.Select(o => $"{o} of {o.MadeBy}")]);
            }
            ReportLeak(call, "allocation", [.. Memory.Describe()]);
        }
        foreach (HostObject o in left)
        {
            Emulator.Handles.Remove(o.Handle);
            (o as IDisposable)?.Dispose();
        }
        Memory.Dispose();
        Emulator.Handles.Remove(Handle);
        IsDestroyed = true;
    }

    private void ReportLeak(string call, string kind, List<string> left)
    {
        if (left.Count > 0)
        {
            string more = left.Count > MostNamed ? $" and {left.Count - MostNamed} more" : "";
            Emulator.Report(
                FindingKinds.Leak, call,
                $"{left.Count} {kind}{(left.Count > 1 ? "s" : "")} left at the end of {this}: "
                + string.Join(", ", left.Take(MostNamed)) + more);
        }
    }

    private EmulatedStream ThreadStream()
    {
        int thread = Environment.CurrentManagedThreadId;
        return perThread.TryGetValue(thread, out EmulatedStream? stream)
            ? stream
            : perThread[thread] = OwnStream(StreamKind.Blocking, "the first use of the thread's stream");
    }

    /// <summary>A stream that the host does not make, and need not destroy.</summary>
    private EmulatedStream OwnStream(StreamKind order, string madeBy)
    {
        var stream = new EmulatedStream(this, order, madeBy);
        Emulator.Handles.Remove(stream.Handle);
        Streams.Add(stream);
        return stream;
    }
}
