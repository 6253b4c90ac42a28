using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// The properties of the device that plans are made for: those of a device that is here, or of one that a JSON text describes,
/// for which plans can be made but not executed.
/// </summary>
internal sealed class CuDnnDevice : IDisposable
{
    private CuDnnDevice(CuDnn library, Action<BackendDescriptor> set)
    {
        Library = library;
        Properties = new BackendDescriptor(library.Api, cudnnBackendDescriptorType_t.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
        try
        {
            set(Properties);
            Properties.Finalized();
            Json = Encoding.UTF8.GetString(Properties.GetAll<byte>(
                cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR)).TrimEnd('\0');
        }
        catch
        {
            Properties.Dispose();
            throw;
        }
    }

    /// <summary>A device of the driver.</summary>
    /// <exception cref="CudaException">cuDNN refuses.</exception>
    public static CuDnnDevice OfOrdinal(CuDnn library, int ordinal) => new(library, properties => properties.SetIntegers(
        cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_DEVICE_ID, cudnnBackendAttributeType_t.CUDNN_TYPE_INT32, ordinal));

    /// <summary>A device that need not be here.</summary>
    /// <param name="library">cuDNN.</param>
    /// <param name="json">One flat object with all the keys that cuDNN asks for.</param>
    /// <exception cref="CudaException">cuDNN refuses the text.</exception>
    public static CuDnnDevice Parse(CuDnn library, string json) => new(library, properties => properties.Set<byte>(
        cudnnBackendAttributeName_t.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, cudnnBackendAttributeType_t.CUDNN_TYPE_CHAR,
        Encoding.UTF8.GetBytes(json)));

    public CuDnn Library { get; }

    public BackendDescriptor Properties { get; }

    /// <summary>The properties as cuDNN writes them.</summary>
    public string Json { get; }

    public void Dispose() => Properties.Dispose();
}
