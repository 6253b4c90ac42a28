using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// cuDNN's plans of the layers by their shapes; each is made when it is first asked for, which takes up to seconds, or before that by
/// <see cref="Prepare"/>.
/// </summary>
internal sealed class LayerPlans : IDisposable
{
    private readonly CuDnnDevice device;
    private readonly GraphPlanner planner;
    private readonly string kept;
    private readonly Dictionary<string, GraphPlan> prepared = []; // by the text of the graph, until a layer asks for it

    /// <param name="library">cuDNN.</param>
    /// <param name="stream">Where all layers run.</param>
    /// <param name="strict">Whether convolutions of fp32 do without tensor cores.</param>
    /// <param name="cache">Where plans are kept from one run to the next; null for nowhere.</param>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public LayerPlans(CuDnn library, CudaStream stream, bool strict, KernelCache? cache)
    {
        Library = library;
        Handle = new CuDnnHandle(library, stream);
        try
        {
            device = CuDnnDevice.OfOrdinal(library, stream.Context.Device.Ordinal);
        }
        catch
        {
            Handle.Dispose();
            throw;
        }

        planner = new GraphPlanner(device, Handle, strict, cache);
        kept = cache?.Folder is null ? "" : "; later runs find them on disk";
        Convolution = new(Take, NetworkGraphs.Convolution);
        ConvolutionBackwardData = new(Take, NetworkGraphs.ConvolutionBackwardData);
        ConvolutionBackwardFilter = new(Take, NetworkGraphs.ConvolutionBackwardFilter);
        BatchNorm = new(Take, NetworkGraphs.BatchNorm);
        BatchNormBackward = new(Take, NetworkGraphs.BatchNormBackward);
        MaxPool = new(Take, NetworkGraphs.MaxPool);
        MaxPoolBackward = new(Take, NetworkGraphs.MaxPoolBackward);
    }

    public CuDnn Library { get; }

    /// <summary>Is told before plans are made that are not on disk.</summary>
    public Action<string>? Report { private get; init; }

    /// <summary>What executes the plans.</summary>
    public CuDnnHandle Handle { get; }

    public PlanTable<ConvolutionShape> Convolution { get; }

    public PlanTable<ConvolutionShape> ConvolutionBackwardData { get; }

    public PlanTable<ConvolutionShape> ConvolutionBackwardFilter { get; }

    public PlanTable<NormShape> BatchNorm { get; }

    public PlanTable<NormShape> BatchNormBackward { get; }

    public PlanTable<PoolShape> MaxPool { get; }

    public PlanTable<PoolShape> MaxPoolBackward { get; }

    /// <summary>Makes plans that will be needed. The bytes of the largest workspace.</summary>
    /// <exception cref="CudaException">cuDNN has no plan for one.</exception>
    public long Prepare(IReadOnlyCollection<OperationGraph> graphs)
    {
        int missing = graphs.Count(graph => !prepared.ContainsKey(graph.ToString()) && !planner.IsKept(graph));
        if (missing > 0)
        {
            Report?.Invoke($"cuDNN makes {missing} plans for the layers at this batch size, each in a fraction of a second{kept}.");
        }

        long largest = 0;
        foreach (OperationGraph graph in graphs)
        {
            string text = graph.ToString();
            if (!prepared.TryGetValue(text, out GraphPlan? plan))
            {
                prepared.Add(text, plan = planner.Plan(graph));
            }

            largest = Math.Max(largest, plan.WorkspaceBytes);
        }

        return largest;
    }

    public void Dispose()
    {
        foreach (GraphPlan plan in prepared.Values)
        {
            plan.Dispose();
        }

        foreach (IDisposable table in (IDisposable[])
            [Convolution, ConvolutionBackwardData, ConvolutionBackwardFilter, BatchNorm, BatchNormBackward, MaxPool, MaxPoolBackward])
        {
            table.Dispose();
        }

        device.Dispose();
        Handle.Dispose();
    }

    private GraphPlan Take(OperationGraph graph) => prepared.Remove(graph.ToString(), out GraphPlan? plan) ? plan : planner.Plan(graph);
}

/// <summary>The plans of one kind of graph; nothing is allocated where one is there.</summary>
internal sealed class PlanTable<TShape>(Func<OperationGraph, GraphPlan> make, Func<TShape, OperationGraph> graph) : IDisposable
    where TShape : struct, IEquatable<TShape>
{
    private readonly Dictionary<TShape, GraphPlan> plans = [];

    /// <exception cref="CudaException">cuDNN has no plan for it.</exception>
    public GraphPlan this[TShape shape]
    {
        get
        {
            if (!plans.TryGetValue(shape, out GraphPlan? plan))
            {
                plans.Add(shape, plan = make(graph(shape)));
            }

            return plan;
        }
    }

    public void Dispose()
    {
        foreach (GraphPlan plan in plans.Values)
        {
            plan.Dispose();
        }

        plans.Clear();
    }
}
