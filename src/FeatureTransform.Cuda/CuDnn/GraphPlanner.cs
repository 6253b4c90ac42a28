using System.Security.Cryptography;
using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// Makes plans for a device: the first of the engines that cuDNN's heuristics propose, the best first, that is deterministic and
/// can be made ready. Most engines are compiled for their graph, which takes 0.1 to 0.5 s: a plan is kept in a cache, by device,
/// versions and graph.
/// </summary>
/// <param name="device">The device that plans are for.</param>
/// <param name="handle">cuDNN on that device; without it plans cannot be executed, and the device need not be here.</param>
/// <param name="strict">Whether convolutions of fp32 are plain sums in fp32: no tensor cores, no transforms.</param>
/// <param name="cache">Where plans are kept; null for nowhere.</param>
internal sealed class GraphPlanner(CuDnnDevice device, CuDnnHandle? handle, bool strict, KernelCache? cache)
{
    private static readonly cudnnBackendNumericalNote_t[] Imprecise =
    [
        cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
        cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS,
        cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
        cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_FFT,
        cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_WINOGRAD,
    ];

    private readonly CuDnn library = device.Library;

    /// <summary>Whether the cache has a plan of a graph, so that it need not be made.</summary>
    public bool IsKept(OperationGraph graph) => cache?.Find(KeyOf(graph)) is not null;

    /// <summary>A plan of a graph, which the caller disposes of.</summary>
    /// <exception cref="InvalidOperationException">The graph is not complete.</exception>
    /// <exception cref="CudaException">cuDNN refuses it, or has no engine for it; the message shows the graph.</exception>
    public GraphPlan Plan(OperationGraph graph)
    {
        graph.Validate();
        string key = KeyOf(graph);
        if (cache?.Find(key) is { } entry && Load(graph, entry) is { } loaded)
        {
            return loaded;
        }
        GraphPlan plan = Build(graph, out byte[] json);
        cache?.Store(key, new KernelBinary(library.ToString(), json, plan.Engine));
        return plan;
    }

    private string KeyOf(OperationGraph graph) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\0', "cuDNN plan", library.Version, device.Json, strict, graph))));

    private GraphPlan? Load(OperationGraph graph, KernelBinary entry)
    {
        BackendDescriptor descriptor = NewPlan();
        try
        {
            descriptor.Set(
                cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR,
                entry.Image.Span);
            return new GraphPlan(library, graph, descriptor.Finalized(), entry.Log, isCached: true);
        }
        catch (CudaException) // of another driver or library than the key can tell: it is built anew
        {
            descriptor.Dispose();
            return null;
        }
    }

    private GraphPlan Build(OperationGraph graph, out byte[] json)
    {
        using GraphDescriptors descriptors = Describe(graph);
        bool precise = strict && graph.Operations.Any(operation => operation.Multiplies);
        var refused = new List<string>();
        foreach (cudnnBackendHeurMode_t mode in
            (cudnnBackendHeurMode_t[])[cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_A, cudnnBackendHeurMode_t.CUDNN_HEUR_MODE_FALLBACK])
        {
            BackendDescriptor[] configurations = Configurations(descriptors.Graph, mode);
            try
            {
                foreach (BackendDescriptor configuration in configurations)
                {
                    string engine = Describe(configuration, precise, out bool allowed);
                    if (!allowed)
                    {
                        refused.Add($"{engine}: not wanted");
                    }
                    else if (TryBuild(configuration, out CudaException? reason) is { } descriptor)
                    {
                        json = descriptor.GetAll<byte>(
                            cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                            cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR);
                        return new GraphPlan(library, graph, descriptor, engine, isCached: false);
                    }
                    else
                    {
                        refused.Add($"{engine}: {reason!.CodeName} {reason.Text}");
                    }
                }
            }
            finally
            {
                Array.ForEach(configurations, configuration => configuration.Dispose());
            }
        }
        throw new CudaException(
            library.Api.Name, "", 0, "", $"{library} has no engine for {graph}{Candidates(refused)}", "");
    }

    private GraphDescriptors Describe(OperationGraph graph)
    {
        try
        {
            return new GraphDescriptors(library.Api, graph);
        }
        catch (CudaException exception)
        {
            throw new CudaException(exception.Library, exception.Call, exception.Code, exception.CodeName, exception.Text, $" In {graph}");
        }
    }

    private BackendDescriptor[] Configurations(BackendDescriptor graph, cudnnBackendHeurMode_t mode)
    {
        using var heuristics = new BackendDescriptor(library.Api, cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
        heuristics.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
        heuristics.SetIntegers(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_HEUR_MODE, (long)mode);
        heuristics.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device.Properties);
        if (heuristics.TryFinalize() is { } refusal)
        {
            // So some say that they know no engine.
            return refusal.Code is >= (int)cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED and < (int)cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR
                ? []
                : throw refusal;
        }
        const cudnnBackendAttributeName_t results = cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_RESULTS;
        long count = heuristics.Get<nint>(results, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, []);
        BackendDescriptor[] all = [.. Enumerable.Range(0, (int)count).Select(_ =>
            new BackendDescriptor(library.Api, cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR))];
        if (count > 0)
        {
            nint[] handles = [.. all.Select(configuration => configuration.Handle)];
            count = Math.Min(count, heuristics.Get(results, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR, handles.AsSpan()));
        }
        Array.ForEach(all[(int)count..], unused => unused.Dispose());
        return all[..(int)count];
    }

    private string Describe(BackendDescriptor configuration, bool precise, out bool allowed)
    {
        using var engine = new BackendDescriptor(library.Api, cudnnBackendDescriptorType_t.CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        configuration.Get(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINECFG_ENGINE, cudnnBackendAttributeType_t.CUDNN_TYPE_BACKEND_DESCRIPTOR,
            (Span<nint>)[engine.Handle]);
        Span<long> index = stackalloc long[1];
        engine.Get(cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_GLOBAL_INDEX, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, index);
        cudnnBackendNumericalNote_t[] numerical = engine.GetAll<cudnnBackendNumericalNote_t>(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, cudnnBackendAttributeType_t.CUDNN_TYPE_NUMERICAL_NOTE);
        cudnnBackendBehaviorNote_t[] behavior = engine.GetAll<cudnnBackendBehaviorNote_t>(
            cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, cudnnBackendAttributeType_t.CUDNN_TYPE_BEHAVIOR_NOTE);
        allowed = !numerical.Contains(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC)
            && !(precise && numerical.Intersect(Imprecise).Any());
        return string.Join(", ", [$"engine {index[0]}", .. numerical.Select(note => Words($"{note}")), .. behavior.Select(note => Words($"{note}"))]);
    }

    /// <summary>"tensor core" of CUDNN_NUMERICAL_NOTE_TENSOR_CORE; a number stays as it is.</summary>
    private static string Words(string note) =>
        note[(note.IndexOf("NOTE_", StringComparison.Ordinal) is >= 0 and int at ? at + 5 : 0)..].Replace('_', ' ').ToLowerInvariant();

    private BackendDescriptor? TryBuild(BackendDescriptor configuration, out CudaException? reason)
    {
        BackendDescriptor plan = NewPlan();
        plan.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
        reason = plan.TryFinalize();
        if (reason is null)
        {
            return plan;
        }
        plan.Dispose();
        return null;
    }

    /// <summary>A plan descriptor that knows its device; without one a load crashes.</summary>
    private BackendDescriptor NewPlan()
    {
        var plan = new BackendDescriptor(library.Api, cudnnBackendDescriptorType_t.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        if (handle is null)
        {
            plan.SetDescriptors(cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device.Properties);
        }
        else
        {
            plan.Set(
                cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_HANDLE, cudnnBackendAttributeType_t.CUDNN_TYPE_HANDLE, handle.Handle);
        }
        return plan;
    }

    private static string Candidates(List<string> refused) =>
        refused.Count == 0 ? "None was proposed" : "Proposed were\n  " + string.Join("\n  ", refused);
}
