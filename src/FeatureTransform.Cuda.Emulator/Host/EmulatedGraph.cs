namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A recorded operation and those that come before it.</summary>
internal sealed class GraphNode(Operation operation, IReadOnlyList<GraphNode> dependencies)
{
    public Operation Operation { get; } = operation;

    public IReadOnlyList<GraphNode> Dependencies { get; } = dependencies;
}

/// <summary>Operations with an order among them.</summary>
internal sealed class EmulatedGraph(EmulatedContext context, string madeBy) : HostObject(context, HandleKind.Graph, madeBy)
{
    private readonly List<GraphNode> nodes = [];
    private nint[]? handles;

    /// <summary>Its nodes, each behind those it depends on.</summary>
    public IReadOnlyList<GraphNode> Nodes => nodes;

    /// <summary>The handles of its nodes.</summary>
    public ReadOnlySpan<nint> NodeHandles =>
        handles ??= [.. nodes.Select(n => Context.Emulator.Handles.Add(n, HandleKind.GraphNode))];

    public GraphNode Add(Operation operation, IReadOnlyList<GraphNode> after)
    {
        var node = new GraphNode(operation, after);
        nodes.Add(node);
        return node;
    }

    /// <summary>The nodes and all that come before them.</summary>
    public HashSet<GraphNode> Ancestors(IEnumerable<GraphNode> of)
    {
        HashSet<GraphNode> found = [.. of];
        for (int i = nodes.Count - 1; i >= 0; i--)
        {
            if (found.Contains(nodes[i]))
            {
                found.UnionWith(nodes[i].Dependencies);
            }
        }
        return found;
    }

    /// <summary>Its handles are no longer valid.</summary>
    public void Discard()
    {
        Context.Emulator.Handles.Remove(Handle);
        foreach (nint node in handles ?? [])
        {
            Context.Emulator.Handles.Remove(node);
        }
    }
}

/// <summary>A graph that can be launched.</summary>
internal sealed class EmulatedGraphExec(EmulatedGraph graph, string madeBy)
    : HostObject(graph.Context, HandleKind.GraphExec, madeBy)
{
    private readonly GraphNode[] nodes = [.. graph.Nodes];
    private Work? last;

    /// <summary>Gives its operations to a stream, or to the capture of the stream.</summary>
    public void Launch(EmulatedStream stream, string call)
    {
        CaptureRules.RequireUsable(stream);
        foreach (GraphNode node in nodes)
        {
            if (node.Operation.Module is { IsUnloaded: true } module)
            {
                throw new CallRefused(
                    CUresult.CUDA_ERROR_INVALID_HANDLE, FindingKinds.UseAfterDestroy,
                    $"{this} launches a kernel of {module}, which was unloaded");
            }
        }
        HashSet<GraphNode> inner = [.. nodes.SelectMany(n => n.Dependencies)];
        if (stream.Capture is { } capture)
        {
            Record(stream, capture.Graph, inner);
            return;
        }
        List<Work> before = stream.Before();
        if (last is not null)
        {
            before.Add(last);
        }
        var works = new Dictionary<GraphNode, Work>();
        foreach (GraphNode node in nodes)
        {
            List<Work> after = node.Dependencies.Count > 0 ? [.. node.Dependencies.Select(d => works[d])] : [.. before];
            works[node] = new Work(Context, node.Operation, after);
        }
        List<Work> ends = [.. nodes.Where(n => !inner.Contains(n)).Select(n => works[n])];
        last = stream.Enqueue(new Operation(call, static () => { }), ends);
    }

    private void Record(EmulatedStream stream, EmulatedGraph graph, HashSet<GraphNode> inner)
    {
        var copies = new Dictionary<GraphNode, GraphNode>();
        foreach (GraphNode node in nodes)
        {
            bool isFirst = node.Dependencies.Count == 0;
            List<GraphNode> after = isFirst ? stream.CaptureTail : [.. node.Dependencies.Select(d => copies[d])];
            copies[node] = graph.Add(node.Operation, after);
        }
        if (nodes.Length > 0)
        {
            stream.CaptureTail = [.. nodes.Where(n => !inner.Contains(n)).Select(n => copies[n])];
        }
    }
}
