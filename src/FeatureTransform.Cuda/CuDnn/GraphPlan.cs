namespace FeatureTransform.Cuda;

/// <summary>A graph made ready for a device. It can be executed any number of times, by one thread at a time.</summary>
internal sealed unsafe class GraphPlan : IDisposable
{
    private const int Alignment = 16; // of every address, as the tensors promise it

    private readonly CuDnnApi api;
    private readonly BackendDescriptor plan;
    private readonly string name;
    private readonly GraphTensor[] stored;
    private readonly long[] ids;
    private readonly float[] scalars; // pinned: an execution is given their addresses

    /// <param name="library">cuDNN.</param>
    /// <param name="graph">What it computes.</param>
    /// <param name="plan">The finalized descriptor, which it owns from now on.</param>
    /// <param name="engine">How a person may call what computes it.</param>
    /// <param name="isCached">Whether it comes from the cache.</param>
    public GraphPlan(CuDnn library, OperationGraph graph, BackendDescriptor plan, string engine, bool isCached)
    {
        (api, this.plan, name, Engine, IsCached) = (library.Api, plan, graph.Name, engine, isCached);
        stored = [.. graph.Stored];
        GraphTensor[] numbers = [.. graph.Tensors.Where(tensor => tensor.Storage == GraphStorage.Scalar)];
        ids = [.. stored.Concat(numbers).Select(tensor => tensor.Id)];
        scalars = GC.AllocateArray<float>(numbers.Length, pinned: true);
        for (int i = 0; i < numbers.Length; i++)
        {
            scalars[i] = numbers[i].Value;
        }
        Span<long> bytes = stackalloc long[1];
        plan.Get(
            cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64, bytes);
        WorkspaceBytes = bytes[0];
    }

    /// <summary>Device memory that an execution needs beside its tensors.</summary>
    public long WorkspaceBytes { get; }

    /// <summary>cuDNN's number and notes of the engine.</summary>
    public string Engine { get; }

    /// <summary>Whether it was loaded and not built.</summary>
    public bool IsCached { get; }

    /// <summary>
    /// Gives the graph to the handle's stream. Allocates nothing managed and waits for nothing; can be captured.
    /// </summary>
    /// <param name="handle">On the device that the plan is for.</param>
    /// <param name="addresses">Of the graph's stored tensors, in the order in which they were made; aligned to 16 bytes, none
    /// overlapping another that is written.</param>
    /// <param name="workspace">At least <see cref="WorkspaceBytes"/>; may be 0 where that is 0.</param>
    /// <exception cref="ArgumentException">An address is missing or not aligned.</exception>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public void Execute(CuDnnHandle handle, ReadOnlySpan<ulong> addresses, ulong workspace)
    {
        if (addresses.Length != stored.Length)
        {
            throw new ArgumentException($"{name} takes {stored.Length} addresses, {addresses.Length} are given.", nameof(addresses));
        }
        nint* pointers = stackalloc nint[ids.Length];
        for (int i = 0; i < addresses.Length; i++)
        {
            if (addresses[i] == 0 || addresses[i] % Alignment != 0)
            {
                throw new ArgumentException(
                    $"{name}: the address 0x{addresses[i]:x} of {stored[i]} is not aligned to {Alignment} bytes.", nameof(addresses));
            }
            pointers[i] = (nint)addresses[i];
        }
        if (WorkspaceBytes > 0 && (workspace == 0 || workspace % Alignment != 0))
        {
            throw new ArgumentException(
                $"{name} needs a workspace of {WorkspaceBytes} bytes, aligned to {Alignment}; given 0x{workspace:x}.", nameof(workspace));
        }
        fixed (float* numbers = scalars)
        {
            for (int i = stored.Length; i < ids.Length; i++)
            {
                pointers[i] = (nint)(numbers + (i - stored.Length));
            }
            using CudaContextScope scope = handle.Stream.Context.MakeCurrent();
            Execute(handle.Handle, pointers, (void*)workspace);
        }
        GC.KeepAlive(handle);
    }

    public void Dispose() => plan.Dispose();

    private void Execute(nint handle, nint* pointers, void* workspace)
    {
        nint pack;
        api.ThrowIfFailed(api.cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t.CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack));
        try
        {
            fixed (long* numbers = ids)
            {
                api.ThrowIfFailed(api.cudnnBackendSetAttribute(
                    pack, cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, cudnnBackendAttributeType_t.CUDNN_TYPE_INT64,
                    ids.Length, numbers));
            }
            api.ThrowIfFailed(api.cudnnBackendSetAttribute(
                pack, cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR,
                ids.Length, pointers));
            api.ThrowIfFailed(api.cudnnBackendSetAttribute(
                pack, cudnnBackendAttributeName_t.CUDNN_ATTR_VARIANT_PACK_WORKSPACE, cudnnBackendAttributeType_t.CUDNN_TYPE_VOID_PTR, 1,
                &workspace));
            api.ThrowIfFailed(api.cudnnBackendFinalize(pack));
            cudnnStatus_t status = api.cudnnBackendExecute(handle, plan.Handle, pack);
            if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            {
                throw api.Failure(status, nameof(api.cudnnBackendExecute), $" {name}, {Engine}.");
            }
        }
        finally
        {
            api.cudnnBackendDestroyDescriptor(pack);
        }
    }
}
