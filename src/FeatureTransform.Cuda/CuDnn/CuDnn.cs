using System.Diagnostics.CodeAnalysis;

namespace FeatureTransform.Cuda;

/// <summary>cuDNN, loaded. Its graphs need a device only when they are executed.</summary>
internal sealed class CuDnn
{
    /// <summary>Takes cuDNN's functions from <paramref name="source"/>.</summary>
    /// <exception cref="CudaException">A function is missing.</exception>
    public unsafe CuDnn(ISymbolSource source)
    {
        Api = new CuDnnApi(source);
        Version = (long)Api.cudnnGetVersion();
    }

    /// <summary>Loads libcudnn.so.9, cudnn64_9.dll, or what FEATURETRANSFORM_CUDNN names; false and why where there is none.</summary>
    /// <exception cref="CudaException">There is one, and it fails.</exception>
    public static bool TryLoad([NotNullWhen(true)] out CuDnn? library, [NotNullWhen(false)] out string? reason)
    {
        try
        {
            (library, reason) = (new CuDnn(NativeLibraries.CuDnn()), null);
            return true;
        }
        catch (CudaException exception) when (exception.IsUnavailable)
        {
            (library, reason) = (null, exception.Message);
            return false;
        }
    }

    public CuDnnApi Api { get; }

    /// <summary>90100 for 9.1.0.</summary>
    public long Version { get; }

    public override string ToString() => $"cuDNN {Version / 10000}.{Version / 100 % 100}.{Version % 100}";
}
