#pragma warning disable CS0649 // Fields are filled by FunctionTable.
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// NCCL, by exact exported names: collective operations of several devices. ncclComm_t and cudaStream_t are
/// <see langword="nint"/>; buffers are device memory, counts are elements. Each rank calls the same operations in the same order.
/// </summary>
internal sealed unsafe class NcclApi(ISymbolSource source) : FunctionTable(source, "NCCL 2.13")
{
    // Versions, errors
    public readonly delegate* unmanaged<int*, ncclResult_t> ncclGetVersion;
    public readonly delegate* unmanaged<ncclResult_t, byte*> ncclGetErrorString;
    public readonly delegate* unmanaged<nint, byte*> ncclGetLastError;

    // Communicators: one rank makes the id, all get it by other means. Init: communicator, ranks, id (by value), rank
    public readonly delegate* unmanaged<ncclUniqueId*, ncclResult_t> ncclGetUniqueId;
    public readonly delegate* unmanaged<nint*, int, ncclUniqueId, int, ncclResult_t> ncclCommInitRank;
    public readonly delegate* unmanaged<nint, ncclResult_t> ncclCommDestroy;
    public readonly delegate* unmanaged<ncclResult_t> ncclGroupStart;
    public readonly delegate* unmanaged<ncclResult_t> ncclGroupEnd;

    // send, receive, count, type, operation or root, communicator, stream
    public readonly delegate* unmanaged<void*, void*, nuint, ncclDataType_t, ncclRedOp_t, nint, nint, ncclResult_t> ncclAllReduce;
    public readonly delegate* unmanaged<void*, void*, nuint, ncclDataType_t, int, nint, nint, ncclResult_t> ncclBroadcast;
    public readonly delegate* unmanaged<void*, void*, nuint, ncclDataType_t, nint, nint, ncclResult_t> ncclAllGather;

    /// <summary>
    /// Throws where <paramref name="result"/> is not success, with what NCCL says of the last failure of any communicator.
    /// </summary>
    public void ThrowIfFailed(ncclResult_t result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != ncclResult_t.ncclSuccess)
        {
            string text = $"{TextOf(ncclGetErrorString(result))}: {TextOf(ncclGetLastError(0))}";
            throw new CudaException(Name, FunctionOf(call), (int)result, result.ToString(), text);
        }
    }
}
