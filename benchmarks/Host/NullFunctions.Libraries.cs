using System.Runtime.InteropServices;
using FeatureTransform.Cuda;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>cuDNN, whose heuristics know one engine for every graph, and cuBLASLt with one algorithm for every product.</summary>
internal static unsafe partial class NullFunctions
{
    private const int WorkspaceBytes = 1 << 20;

    [UnmanagedCallersOnly]
    private static nuint cudnnGetVersion() => 91900;

    [UnmanagedCallersOnly]
    private static int cudnnCreate(nint* handle) => GiveHandle(handle);

    [UnmanagedCallersOnly]
    private static int cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, nint* descriptor) => GiveHandle(descriptor);

    [UnmanagedCallersOnly]
    private static int cudnnBackendGetAttribute(
        nint descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, long room, long* count, void* elements)
    {
        switch (name)
        {
            case cudnnBackendAttributeName_t.CUDNN_ATTR_ENGINEHEUR_RESULTS:
                return Give(count, 1L);
            case cudnnBackendAttributeName_t.CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
                *(long*)elements = WorkspaceBytes;
                return Give(count, 1L);
            default:
                return Give(count, 0L);
        }
    }

    [UnmanagedCallersOnly]
    private static int cudnnBackendExecute(nint handle, nint plan, nint pack) => Count(ref calls.Executions);

    [UnmanagedCallersOnly]
    private static nuint cublasLtGetVersion() => 120400;

    [UnmanagedCallersOnly]
    private static int cublasLtCreate(nint* handle) => GiveHandle(handle);

    [UnmanagedCallersOnly]
    private static int cublasLtMatmulDescCreate(nint* operation, int compute, int scale) => GiveHandle(operation);

    [UnmanagedCallersOnly]
    private static int cublasLtMatrixLayoutCreate(nint* layout, int type, ulong rows, ulong columns, long stride) => GiveHandle(layout);

    [UnmanagedCallersOnly]
    private static int cublasLtMatmulPreferenceCreate(nint* preference) => GiveHandle(preference);

    [UnmanagedCallersOnly]
    private static int cublasLtMatmulAlgoGetHeuristic(
        nint handle, nint operation, nint a, nint b, nint c, nint d, nint preference, int requested,
        cublasLtMatmulHeuristicResult_t* results, int* returned)
    {
        *results = new cublasLtMatmulHeuristicResult_t { workspaceSize = WorkspaceBytes };
        return Give(returned, 1);
    }

    [UnmanagedCallersOnly]
    private static int cublasLtMatmul(
        nint handle, nint operation, void* alpha, void* a, nint aLayout, void* b, nint bLayout, void* beta, void* c, nint cLayout,
        void* d, nint dLayout, void* algorithm, void* workspace, nuint workspaceBytes, nint stream) => Count(ref calls.Products);
}
