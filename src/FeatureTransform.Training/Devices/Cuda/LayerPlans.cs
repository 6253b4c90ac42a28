using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>cuDNN's plans of the layers by their shapes; each is made when it is first asked for, which takes up to seconds.</summary>
internal sealed class LayerPlans : IDisposable
{
    private readonly CuDnnDevice device;

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

        var planner = new GraphPlanner(device, Handle, strict, cache);
        Convolution = new(planner, NetworkGraphs.Convolution);
        ConvolutionBackwardData = new(planner, NetworkGraphs.ConvolutionBackwardData);
        ConvolutionBackwardFilter = new(planner, NetworkGraphs.ConvolutionBackwardFilter);
        BatchNorm = new(planner, NetworkGraphs.BatchNorm);
        BatchNormBackward = new(planner, NetworkGraphs.BatchNormBackward);
        MaxPool = new(planner, NetworkGraphs.MaxPool);
        MaxPoolBackward = new(planner, NetworkGraphs.MaxPoolBackward);
    }

    public CuDnn Library { get; }

    /// <summary>What executes the plans.</summary>
    public CuDnnHandle Handle { get; }

    public PlanTable<ConvolutionShape> Convolution { get; }

    public PlanTable<ConvolutionShape> ConvolutionBackwardData { get; }

    public PlanTable<ConvolutionShape> ConvolutionBackwardFilter { get; }

    public PlanTable<NormShape> BatchNorm { get; }

    public PlanTable<NormShape> BatchNormBackward { get; }

    public PlanTable<PoolShape> MaxPool { get; }

    public PlanTable<PoolShape> MaxPoolBackward { get; }

    public void Dispose()
    {
        foreach (IDisposable table in (IDisposable[])
            [Convolution, ConvolutionBackwardData, ConvolutionBackwardFilter, BatchNorm, BatchNormBackward, MaxPool, MaxPoolBackward])
        {
            table.Dispose();
        }

        device.Dispose();
        Handle.Dispose();
    }
}

/// <summary>The plans of one kind of graph; nothing is allocated where one is there.</summary>
internal sealed class PlanTable<TShape>(GraphPlanner planner, Func<TShape, OperationGraph> graph) : IDisposable
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
                plans.Add(shape, plan = planner.Plan(graph(shape)));
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
