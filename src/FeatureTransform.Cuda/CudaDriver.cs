using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// CUDA's driver, loaded and initialised, with the devices that it offers. All that is made from it belongs to this driver: a
/// real one and a stand-in can be used in one process. Safe for use by any thread.
/// </summary>
public sealed unsafe class CudaDriver
{
    private const int MinimumVersion = 12000;

    /// <summary>Takes the driver's functions from <paramref name="source"/> and initialises it.</summary>
    /// <exception cref="CudaException">A function is missing, the driver is older than CUDA 12.0, or it finds no
    /// device.</exception>
    public CudaDriver(ISymbolSource source)
    {
        Api = new DriverApi(source);
        int version;
        ThrowIfFailed(Api.cuDriverGetVersion(&version));
        Version = version;
        if (version < MinimumVersion)
        {
            throw CudaException.Unavailable(
                Name, nameof(Api.cuDriverGetVersion),
                $"the driver is of CUDA {VersionText}; it needs to be of 12.0 (525) or newer");
        }
        if (Api.cuInit(0) is not CUresult.CUDA_SUCCESS and CUresult failure)
        {
            throw Failure(failure, nameof(Api.cuInit), $" The driver is of CUDA {VersionText}.");
        }
        int count;
        ThrowIfFailed(Api.cuDeviceGetCount(&count));
        if (count == 0)
        {
            throw CudaException.Unavailable(Name, nameof(Api.cuDeviceGetCount), "there is no device");
        }
        var devices = new CudaDevice[count];
        for (int ordinal = 0; ordinal < count; ordinal++)
        {
            devices[ordinal] = new CudaDevice(this, ordinal);
        }
        Devices = devices;
    }

    /// <summary>Loads the system's driver: libcuda.so.1, nvcuda.dll, or what FEATURETRANSFORM_CUDA_DRIVER names.</summary>
    /// <exception cref="CudaException">It cannot be loaded, is older than CUDA 12.0, or finds no device.</exception>
    public static CudaDriver Load() => new(NativeLibraries.Driver());

    /// <summary>
    /// As <see cref="Load"/>, but where there is no driver, one that is too old, or no device, returns false and says which.
    /// Another backend may then take its place.
    /// </summary>
    /// <exception cref="CudaException">There is a driver, and it fails.</exception>
    public static bool TryLoad([NotNullWhen(true)] out CudaDriver? driver, [NotNullWhen(false)] out string? reason)
    {
        try
        {
            (driver, reason) = (Load(), null);
            return true;
        }
        catch (CudaException exception) when (exception.IsUnavailable)
        {
            (driver, reason) = (null, exception.Message);
            return false;
        }
    }

    /// <summary>The driver's library, such as libcuda.so.1.</summary>
    public string Name => Api.Name;

    /// <summary>The newest CUDA version that the driver knows: 12040 for 12.4.</summary>
    public int Version { get; }

    /// <summary>The version as text, such as 12.4.</summary>
    public string VersionText => $"{Version / 1000}.{Version % 1000 / 10}";

    /// <summary>The devices by ordinal, at least one.</summary>
    public IReadOnlyList<CudaDevice> Devices { get; }

    internal DriverApi Api { get; }

    /// <summary>Throws where <paramref name="result"/> is not success; allocates nothing where it is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void ThrowIfFailed(CUresult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw Failure(result, call);
        }
    }

    /// <summary>The exception for a failed call, whose name is taken out of the expression that made it.</summary>
    internal CudaException Failure(CUresult result, string call, string details = "")
    {
        byte* name = null, text = null;
        Api.cuGetErrorName(result, &name);
        Api.cuGetErrorString(result, &text);
        return CudaException.OfDriver(
            Name, FunctionTable.FunctionOf(call), result,
            FunctionTable.TextOf(name) ?? $"CUresult {(int)result}",
            FunctionTable.TextOf(text) ?? "the driver does not know this code", details);
    }
}
