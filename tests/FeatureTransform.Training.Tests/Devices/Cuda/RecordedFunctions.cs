using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>
/// The functions that give work to a device, wait for it or take memory of it: each tells the thread's <see cref="CallRecorder"/>
/// and then does what the emulator's function of the same name does. All emulators of a process have the same functions.
/// </summary>
internal static unsafe class RecordedFunctions
{
    private static readonly ConcurrentDictionary<string, nint> Originals = new(StringComparer.Ordinal);

    private static readonly Dictionary<string, nint> Recorded = typeof(RecordedFunctions)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(method => method.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))
        .ToDictionary(method => method.Name, method => method.MethodHandle.GetFunctionPointer(), StringComparer.Ordinal);

    private static bool Computes => CallRecorder.Active is not { Computes: false };

    /// <summary>What takes the place of a function: the function itself where it is not recorded.</summary>
    public static nint Over(string symbol, nint original)
    {
        Originals[symbol] = original;
        return Recorded.GetValueOrDefault(symbol, original);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint dynamicSharedBytes,
        nint stream, void** parameters, void** extra)
    {
        if (CallRecorder.Active is { } recorder)
        {
            recorder.Add(
                $"launch {recorder.Kernel(function)}: grid {gridX} x {gridY} x {gridZ}, block {blockX} x {blockY} x {blockZ}, {dynamicSharedBytes} shared bytes");
        }

        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, CUresult>)Original())(
                function, gridX, gridY, gridZ, blockX, blockY, blockZ, dynamicSharedBytes, stream, parameters, extra);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyHtoDAsync_v2(ulong device, void* host, nuint bytes, nint stream)
    {
        CallRecorder.Active?.Add($"copy to device: {bytes} bytes");
        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<ulong, void*, nuint, nint, CUresult>)Original())(device, host, bytes, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoHAsync_v2(void* host, ulong device, nuint bytes, nint stream)
    {
        CallRecorder.Active?.Add($"copy to host: {bytes} bytes");
        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<void*, ulong, nuint, nint, CUresult>)Original())(host, device, bytes, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoDAsync_v2(ulong target, ulong source, nuint bytes, nint stream)
    {
        CallRecorder.Active?.Add($"copy on device: {bytes} bytes");
        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<ulong, ulong, nuint, nint, CUresult>)Original())(target, source, bytes, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemsetD8Async(ulong device, byte value, nuint count, nint stream)
    {
        CallRecorder.Active?.Add($"fill: {count} bytes with {value}");
        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<ulong, byte, nuint, nint, CUresult>)Original())(device, value, count, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemsetD32Async(ulong device, uint value, nuint count, nint stream)
    {
        CallRecorder.Active?.Add($"fill: {count} words with {value:x8}");
        return !Computes ? CUresult.CUDA_SUCCESS
            : ((delegate* unmanaged<ulong, uint, nuint, nint, CUresult>)Original())(device, value, count, stream);
    }

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendExecute(nint handle, nint plan, nint pack)
    {
        if (CallRecorder.Active is { } recorder)
        {
            recorder.Add($"cuDNN {recorder.Plan(plan)}");
        }

        return !Computes ? cudnnStatus_t.CUDNN_STATUS_SUCCESS
            : ((delegate* unmanaged<nint, nint, nint, cudnnStatus_t>)Original())(handle, plan, pack);
    }

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmul(
        nint handle, nint operation, void* alpha, void* a, nint aLayout, void* b, nint bLayout, void* beta, void* c, nint cLayout,
        void* d, nint dLayout, cublasLtMatmulAlgo_t* algorithm, void* workspace, nuint workspaceBytes, nint stream)
    {
        if (CallRecorder.Active is { } recorder)
        {
            recorder.Add($"product {recorder.Product(operation, aLayout, bLayout, dLayout)}, workspace {workspaceBytes} bytes");
        }

        return !Computes ? cublasStatus_t.CUBLAS_STATUS_SUCCESS
            : ((delegate* unmanaged<
                nint, nint, void*, void*, nint, void*, nint, void*, void*, nint, void*, nint, cublasLtMatmulAlgo_t*, void*, nuint, nint,
                cublasStatus_t>)Original())(
                handle, operation, alpha, a, aLayout, b, bLayout, beta, c, cLayout, d, dLayout, algorithm, workspace, workspaceBytes,
                stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGraphLaunch(nint graph, nint stream)
    {
        CallRecorder.Active?.Add($"graph");
        return !Computes ? CUresult.CUDA_SUCCESS : ((delegate* unmanaged<nint, nint, CUresult>)Original())(graph, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuEventRecord(nint point, nint stream)
    {
        CallRecorder.Active?.Add($"record event");
        return ((delegate* unmanaged<nint, nint, CUresult>)Original())(point, stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuEventSynchronize(nint point)
    {
        CallRecorder.Active?.Add($"wait for event");
        return ((delegate* unmanaged<nint, CUresult>)Original())(point);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuStreamSynchronize(nint stream)
    {
        CallRecorder.Active?.Add($"wait for stream");
        return ((delegate* unmanaged<nint, CUresult>)Original())(stream);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemAlloc_v2(ulong* address, nuint bytes)
    {
        CallRecorder.Active?.Add($"allocate {bytes} bytes");
        if (!Computes)
        {
            *address = CallRecorder.Active!.Address(bytes);
            return CUresult.CUDA_SUCCESS;
        }

        return ((delegate* unmanaged<ulong*, nuint, CUresult>)Original())(address, bytes);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemFree_v2(ulong address)
    {
        CallRecorder.Active?.Add($"free");
        return !Computes ? CUresult.CUDA_SUCCESS : ((delegate* unmanaged<ulong, CUresult>)Original())(address);
    }

    private static nint Original([CallerMemberName] string symbol = "") => Originals[symbol];
}
