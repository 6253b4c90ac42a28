namespace FeatureTransform.Cuda;

/// <summary>
/// Where a function table takes its functions from: a native library, or whatever stands in for one (an emulator, a fake that
/// records). This is the whole seam between the host code and the device.
/// </summary>
public interface ISymbolSource
{
    /// <summary>What a message calls it, such as the path of the library.</summary>
    string Name { get; }

    /// <summary>The address of an exported function by its exact name (cuMemAlloc_v2); 0 where there is none.</summary>
    nint Find(string symbol);
}
