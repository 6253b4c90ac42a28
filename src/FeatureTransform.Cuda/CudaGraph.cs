namespace FeatureTransform.Cuda;

/// <summary>
/// Work that a stream recorded (<see cref="CudaStream.BeginCapture"/>). It holds the addresses and arguments of the recorded
/// calls, not the objects: modules and memory that they use are to be kept as long as it, or what is instantiated of it, is
/// launched.
/// </summary>
public sealed unsafe class CudaGraph : CudaObject
{
    internal CudaGraph(CudaContext context, nint graph)
        : base(context, owned: true) => Own(graph);

    /// <summary>Number of recorded nodes: kernels, copies, fills.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public int NodeCount
    {
        get
        {
            using CudaContextScope scope = Context.MakeCurrent();
            nuint count;
            ThrowIfFailed(Api.cuGraphGetNodes(Handle, null, &count));
            return (int)count;
        }
    }

    /// <summary>Makes an executable graph of it, which does not need this one any more.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public CudaGraphExec Instantiate()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint exec;
        ThrowIfFailed(Api.cuGraphInstantiateWithFlags(&exec, Handle, 0));
        return new CudaGraphExec(Context, exec);
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuGraphDestroy(handle);
}

/// <summary>A graph that is ready to be launched, any number of times; one launch begins after the one before is done.</summary>
public sealed unsafe class CudaGraphExec : CudaObject
{
    internal CudaGraphExec(CudaContext context, nint exec)
        : base(context, owned: true) => Own(exec);

    /// <summary>Gives its work to <paramref name="stream"/>. Does not block; allocates nothing.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Launch(CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using CudaContextScope scope = Context.MakeCurrent();
        ThrowIfFailed(Api.cuGraphLaunch(Handle, stream.Handle));
        GC.KeepAlive(stream);
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuGraphExecDestroy(handle);
}
