#pragma warning disable CS0649 // Fields are filled by FunctionTable.
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// cuDNN's handles and its graph API, by exact exported names: all that is not deprecated of what a network needs. cudnnHandle_t
/// and cudnnBackendDescriptor_t are <see langword="nint"/>. An attribute is passed as an array of elements of its type; an enum
/// out of range can kill the process.
/// </summary>
internal sealed unsafe class CuDnnApi(ISymbolSource source) : FunctionTable(source, "cuDNN 9.0")
{
    private const int MessageBytes = 2048;

    // Versions, errors, handles
    public readonly delegate* unmanaged<nuint> cudnnGetVersion;
    public readonly delegate* unmanaged<cudnnStatus_t, byte*> cudnnGetErrorString;
    public readonly delegate* unmanaged<byte*, nuint, void> cudnnGetLastErrorString;
    public readonly delegate* unmanaged<nint*, cudnnStatus_t> cudnnCreate;
    public readonly delegate* unmanaged<nint, cudnnStatus_t> cudnnDestroy;
    public readonly delegate* unmanaged<nint, nint, cudnnStatus_t> cudnnSetStream;

    // Descriptors. Set: descriptor, name, type, count, elements; get: descriptor, name, type, room, count, elements
    public readonly delegate* unmanaged<cudnnBackendDescriptorType_t, nint*, cudnnStatus_t> cudnnBackendCreateDescriptor;
    public readonly delegate* unmanaged<nint, cudnnStatus_t> cudnnBackendDestroyDescriptor;
    public readonly delegate* unmanaged<
        nint, cudnnBackendAttributeName_t, cudnnBackendAttributeType_t, long, void*, cudnnStatus_t> cudnnBackendSetAttribute;
    public readonly delegate* unmanaged<
        nint, cudnnBackendAttributeName_t, cudnnBackendAttributeType_t, long, long*, void*,
        cudnnStatus_t> cudnnBackendGetAttribute;
    public readonly delegate* unmanaged<nint, cudnnStatus_t> cudnnBackendFinalize;

    // handle, plan, variant pack
    public readonly delegate* unmanaged<nint, nint, nint, cudnnStatus_t> cudnnBackendExecute;

    public void ThrowIfFailed(cudnnStatus_t status, [CallerArgumentExpression(nameof(status))] string call = "")
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
        {
            throw Failure(status, call);
        }
    }

    /// <summary>The exception for a call that has just failed; cuDNN's own text may be empty.</summary>
    public CudaException Failure(cudnnStatus_t status, string call, string details = "")
    {
        byte* message = stackalloc byte[MessageBytes];
        *message = 0;
        cudnnGetLastErrorString(message, MessageBytes);
        return Failure(call, (int)status, cudnnGetErrorString(status), message, details);
    }
}
