namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>What a stream waits for before its own work: one of these is the default stream of its context.</summary>
internal enum StreamKind
{
    /// <summary>The context's default stream: ordered with every blocking stream of the context.</summary>
    Legacy,

    /// <summary>Ordered with the default stream.</summary>
    Blocking,

    /// <summary>Ordered with nothing but events.</summary>
    NonBlocking,
}

/// <summary>A queue of work.</summary>
internal sealed class EmulatedStream(EmulatedContext context, StreamKind order, string madeBy)
    : HostObject(context, HandleKind.Stream, madeBy)
{
    /// <summary>As a device's queue is full some time, and then its oldest work is done before a call returns.</summary>
    private const int MostQueued = 1024;

    private readonly Queue<Work> queue = new();
    private readonly List<Work> awaited = []; // by events, for the next piece of work

    public StreamKind Order { get; } = order;

    /// <summary>The last work that it was given, where that is not done yet.</summary>
    public Work? Tail { get; private set; }

    /// <summary>The capture that records what it is given; null where it is done instead.</summary>
    public Capture? Capture { get; set; }

    /// <summary>The nodes that the next captured node follows.</summary>
    public List<GraphNode> CaptureTail { get; set; } = [];

    public bool IsIdle
    {
        get
        {
            Trim();
            return Tail is null && awaited.TrueForAll(w => w.IsDone)
                && (Order != StreamKind.Legacy || Context.Streams.TrueForAll(s => s.Order != StreamKind.Blocking || s.IsIdle));
        }
    }

    /// <summary>Records or queues an operation. The work, or null where it was recorded.</summary>
    public Work? Add(Operation operation)
    {
        CaptureRules.RequireUsable(this);
        if (Capture is { } capture)
        {
            CaptureTail = [capture.Graph.Add(operation, CaptureTail)];
            return null;
        }
        return Enqueue(operation, []);
    }

    /// <summary>Lets what comes next wait for work of another stream.</summary>
    public void WaitFor(Work work)
    {
        if (!work.IsDone)
        {
            awaited.Add(work);
        }
    }

    /// <summary>Queues an operation after what the stream has, and after other work.</summary>
    public Work Enqueue(Operation operation, List<Work> after)
    {
        var work = new Work(Context, operation, [.. Before(), .. after]);
        awaited.Clear();
        Tail = work;
        queue.Enqueue(work);
        Trim();
        if (Context.Emulator.Options.Streams == StreamTime.AtOnce)
        {
            work.Complete();
        }
        else if (queue.Count > MostQueued)
        {
            queue.Peek().Complete();
        }
        return work;
    }

    /// <summary>All that work given now would have to wait for.</summary>
    public List<Work> Before()
    {
        Trim();
        List<Work> before = [.. awaited];
        if (Tail is not null)
        {
            before.Add(Tail);
        }
        if (Order == StreamKind.Legacy)
        {
            before.AddRange(Context.Streams.Where(s => s.Order == StreamKind.Blocking).SelectMany(s => s.Before()));
        }
        else if (Order == StreamKind.Blocking && Context.Legacy.Tail is { IsDone: false } legacy)
        {
            before.Add(legacy);
        }
        return before;
    }

    /// <summary>Does all that it was given.</summary>
    public void Synchronize()
    {
        foreach (Work work in Before())
        {
            work.Complete();
        }
        Trim();
    }

    /// <summary>Does a single piece of its work.</summary>
    public void Advance()
    {
        List<Work> before = Before();
        before.RemoveAll(w => w.IsDone);
        if (before.Count > 0)
        {
            before[0].Advance();
        }
    }

    private void Trim()
    {
        while (queue.TryPeek(out Work? first) && first.IsDone)
        {
            queue.Dequeue();
        }
        if (Tail is { IsDone: true })
        {
            Tail = null;
        }
    }
}
