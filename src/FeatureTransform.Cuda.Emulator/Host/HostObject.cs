namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>What a handle may stand for; part of the handle, so that a destroyed one can still be named.</summary>
internal enum HandleKind : byte
{
    Context = 1,
    Stream,
    Event,
    Module,
    Function,
    Graph,
    GraphNode,
    GraphExec,
    BlasHandle,
    BlasOperation,
    BlasLayout,
    BlasPreference,
    CuDnn,
    Descriptor,
}

/// <summary>An object of a context that the host knows by its handle.</summary>
internal abstract class HostObject
{
    protected HostObject(EmulatedContext context, HandleKind kind, string madeBy)
    {
        Context = context;
        Kind = kind;
        MadeBy = madeBy;
        Handle = context.Emulator.Handles.Add(this);
    }

    public EmulatedContext Context { get; }

    public HandleKind Kind { get; }

    /// <summary>The call that made it.</summary>
    public string MadeBy { get; }

    public nint Handle { get; }

    public override string ToString() => HandleTable.Describe(Handle);
}
