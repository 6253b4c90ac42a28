namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>An operation that was given to a stream, with what has to be done before it.</summary>
internal sealed class Work
{
    private readonly Operation operation;
    private readonly EmulatedContext context;
    private List<Work>? dependencies;
    private int nextDependency;
    private byte[]? sourceAtCall; // what pinned memory held when the host gave the work

    public Work(EmulatedContext context, Operation operation, List<Work> dependencies)
    {
        this.context = context;
        this.operation = operation;
        dependencies.RemoveAll(d => d.IsDone);
        this.dependencies = dependencies;
        if (operation.Source is { } source)
        {
            sourceAtCall = source.AsSpan().ToArray();
        }
        if (operation.Source is not null || operation.Target is not null)
        {
            context.HostWork.Add(this);
        }
    }

    private enum State
    {
        Waiting,
        Running,
        Done,
    }

    public bool IsDone => state == State.Done;

    private State state;

    public string Call => operation.Call;

    /// <summary>When it was done; meaningful once it is.</summary>
    public long Timestamp { get; private set; }

    /// <summary>Does it, after all it depends on. The emulator's gate is held.</summary>
    public void Complete()
    {
        var path = new Stack<Work>();
        path.Push(this);
        while (path.TryPeek(out Work? work))
        {
            if (work.state == State.Running)
            {
                Monitor.Wait(context.Emulator.Gate); // another thread runs its host function
            }
            else if (work.IsDone)
            {
                path.Pop();
            }
            else if (work.NextDependency() is { } before)
            {
                path.Push(before);
            }
            else
            {
                work.Run();
            }
        }
    }

    /// <summary>Does the one piece of work that is next on the way to this.</summary>
    public void Advance()
    {
        Work work = this;
        while (work.NextDependency() is { } before)
        {
            work = before;
        }
        work.Complete();
    }

    public bool UsesHost(nint address, nuint bytes) =>
        operation.Source?.Overlaps(address, bytes) == true || operation.Target?.Overlaps(address, bytes) == true;

    private Work? NextDependency()
    {
        while (dependencies is not null && nextDependency < dependencies.Count && dependencies[nextDependency].IsDone)
        {
            nextDependency++;
        }
        return dependencies is not null && nextDependency < dependencies.Count ? dependencies[nextDependency] : null;
    }

    private void Run()
    {
        state = State.Running;
        try
        {
            if (context.Failure == CUresult.CUDA_SUCCESS)
            {
                RunOperation();
            }
        }
        catch (DeviceFault fault)
        {
            context.Fail(fault.Code, operation.Call, fault.Message);
        }
        finally
        {
            state = State.Done;
            Timestamp = System.Diagnostics.Stopwatch.GetTimestamp();
            dependencies = null;
            sourceAtCall = null;
            context.HostWork.Remove(this);
            Monitor.PulseAll(context.Emulator.Gate);
        }
    }

    private void RunOperation()
    {
        if (sourceAtCall is not null && FirstChange() is >= 0 and int offset)
        {
            context.Emulator.Report(
                FindingKinds.HostMemoryChanged, operation.Call,
                $"byte {offset} of the {operation.Source!.Value.Bytes} pinned bytes at 0x{operation.Source.Value.Address:x} "
                + "was changed by the host after the call and before the copy; the copy took the new content");
        }
        List<Work> unchanged = operation.MayWriteHost
            ? [.. context.HostWork.Where(w => w != this && w.sourceAtCall is not null && w.FirstChange() < 0)]
            : [];
        if (operation.IsHostFunction)
        {
            HostFunction.Run(context.Emulator.Gate, operation.Run);
        }
        else
        {
            operation.Run();
        }
        foreach (Work work in unchanged)
        {
            // What the device's work wrote there is no change by the host.
            work.operation.Source!.Value.AsSpan().CopyTo(work.sourceAtCall);
        }
    }

    private int FirstChange()
    {
        ReadOnlySpan<byte> now = operation.Source!.Value.AsSpan();
        int same = now.CommonPrefixLength(sourceAtCall);
        return same == now.Length ? -1 : same;
    }
}

/// <summary>Runs a function of the host as the driver's own thread would: while others may call the driver, but not it.</summary>
internal static class HostFunction
{
    [ThreadStatic]
    private static bool runs;

    /// <summary>Whether the calling thread is within a host function, which must not call the driver.</summary>
    public static bool IsRunning => runs;

    public static void Run(object gate, Action function)
    {
        Monitor.Exit(gate);
        runs = true;
        try
        {
            function();
        }
        finally
        {
            runs = false;
            Monitor.Enter(gate);
        }
    }
}
