using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>
/// cuBLASLt for the devices of an emulator: products of fp32 and bf16 matrices, computed on the host in the order of the stream,
/// with the checks that a wrong descriptor, address or workspace would need on a device.
/// </summary>
public sealed class CuBlasLtLibrary : ISymbolSource
{
    private readonly Emulator emulator;

    internal CuBlasLtLibrary(Emulator emulator) => this.emulator = emulator;

    /// <inheritdoc/>
    public string Name => $"cuBLASLt of the {emulator.Name}";

    /// <inheritdoc/>
    public nint Find(string symbol)
    {
        Emulator.Use(emulator.Number);
        return CuBlasLtFunctions.Addresses.GetValueOrDefault(symbol);
    }

    /// <summary>Lets a function fail, without doing anything, at its n-th use from now.</summary>
    /// <param name="call">The exact name, such as cublasLtMatmul.</param>
    /// <param name="status">The value of the cublasStatus_t, such as 13 for CUBLAS_STATUS_EXECUTION_FAILED.</param>
    /// <param name="use">Which use, the next one being 1.</param>
    public void FailCall(string call, int status, int use = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(use);
        if (!CuBlasLtFunctions.Addresses.ContainsKey(call))
        {
            throw new ArgumentException($"{call} is no function of the emulated cuBLASLt.", nameof(call));
        }
        lock (emulator.Gate)
        {
            emulator.Injection.Add(call, use, (CUresult)status);
        }
    }
}
