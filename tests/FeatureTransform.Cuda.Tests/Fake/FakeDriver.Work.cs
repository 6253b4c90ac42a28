using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Tests.Fake;

// Modules, streams, events, graphs.
internal sealed unsafe partial class FakeDriver
{
    [UnmanagedCallersOnly]
    private static CUresult cuModuleLoadDataEx(nint* module, void* image, uint count, CUjit_option* options, void** values)
    {
        CUresult result = Make("module", module);
        for (int i = 0; i < count && result != CUresult.CUDA_SUCCESS; i++)
        {
            if (options[i] == CUjit_option.CU_JIT_ERROR_LOG_BUFFER)
            {
                "ptxas says no\0"u8.CopyTo(new Span<byte>(values[i], 100));
            }
        }
        return result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuModuleUnload(nint module) => Destroy(module);

    /// <summary>A kernel's handle is its module's: a use of it is a use of the module.</summary>
    [UnmanagedCallersOnly]
    private static CUresult cuModuleGetFunction(nint* function, nint module, byte* name)
    {
        *function = module;
        return Use(module);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, nint function)
    {
        *value = 100 + (int)attribute;
        return Use(function);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuFuncSetAttribute(nint function, CUfunction_attribute attribute, int value) => Use(function);

    [UnmanagedCallersOnly]
    private static CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
        int* blocks, nint function, int threads, nuint dynamicSharedBytes)
    {
        *blocks = 2048 / threads;
        return Use(function);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ,
        uint sharedBytes, nint stream, void** parameters, void** extra)
    {
        FakeLaunch launch = Of(function).LastLaunch;
        launch.Grid = new Dim3(gridX, gridY, gridZ);
        launch.Block = new Dim3(blockX, blockY, blockZ);
        launch.SharedBytes = sharedBytes;
        launch.Function = function;
        launch.Stream = stream;
        new Span<byte>(parameters[0], launch.Arguments.Length).CopyTo(launch.Arguments);
        return Use(function, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuStreamCreate(nint* stream, uint flags) => Make("stream", stream);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamDestroy_v2(nint stream) => Destroy(stream);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamQuery(nint stream) => Use(stream);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamSynchronize(nint stream) => Use(stream);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamWaitEvent(nint stream, nint e, uint flags) => Use(stream, e);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamBeginCapture_v2(nint stream, CUstreamCaptureMode mode) => Use(stream);

    [UnmanagedCallersOnly]
    private static CUresult cuStreamEndCapture(nint stream, nint* graph)
    {
        CUresult result = Use(stream);
        return result == CUresult.CUDA_SUCCESS ? Make("graph", graph) : result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuStreamIsCapturing(nint stream, CUstreamCaptureStatus* status)
    {
        *status = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE;
        return Use(stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuEventCreate(nint* e, uint flags) => Make("event", e);

    [UnmanagedCallersOnly]
    private static CUresult cuEventDestroy_v2(nint e) => Destroy(e);

    [UnmanagedCallersOnly]
    private static CUresult cuEventRecord(nint e, nint stream) => Use(e, stream);

    [UnmanagedCallersOnly]
    private static CUresult cuEventQuery(nint e) => Use(e);

    [UnmanagedCallersOnly]
    private static CUresult cuEventSynchronize(nint e) => Use(e);

    [UnmanagedCallersOnly]
    private static CUresult cuEventElapsedTime(float* milliseconds, nint start, nint end)
    {
        *milliseconds = 1.5f;
        return Use(start, end);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGraphDestroy(nint graph) => Destroy(graph);

    [UnmanagedCallersOnly]
    private static CUresult cuGraphGetNodes(nint graph, nint* nodes, nuint* count)
    {
        *count = 3;
        return Use(graph);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGraphInstantiateWithFlags(nint* exec, nint graph, ulong flags)
    {
        CUresult result = Use(graph);
        return result == CUresult.CUDA_SUCCESS ? Make("graph exec", exec) : result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGraphExecDestroy(nint exec) => Destroy(exec);

    [UnmanagedCallersOnly]
    private static CUresult cuGraphLaunch(nint exec, nint stream) => Use(exec, stream);
}
