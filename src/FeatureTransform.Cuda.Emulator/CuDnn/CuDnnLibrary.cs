using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>
/// cuDNN's graph API on the devices of an emulator: it keeps the rules of the real one, refuses what that does not notice, and
/// computes convolution, batch normalization and pooling by plain loops in the order of the handle's stream.
/// </summary>
public sealed class CuDnnLibrary : ISymbolSource
{
    internal const int VersionNumber = 92700;

    private readonly Emulator emulator;

    internal CuDnnLibrary(Emulator emulator) => this.emulator = emulator;

    /// <inheritdoc/>
    public string Name => $"cuDNN of {emulator.Name}";

    /// <summary>How often each function was called.</summary>
    public IReadOnlyDictionary<string, int> Calls
    {
        get
        {
            lock (emulator.Gate)
            {
                return new Dictionary<string, int>(Injection.Uses);
            }
        }
    }

    /// <summary>Descriptors that were not destroyed yet.</summary>
    public int LiveDescriptors { get; internal set; }

    internal ErrorInjection Injection { get; } = new();

    /// <summary>What cudnnGetLastErrorString says.</summary>
    internal string LastError { get; set; } = "";

    /// <inheritdoc/>
    public nint Find(string symbol)
    {
        Emulator.Use(emulator.Number);
        return CuDnnFunctions.Addresses.GetValueOrDefault(symbol);
    }

    /// <summary>Lets a function fail, without doing anything, at its n-th use from now.</summary>
    /// <param name="call">The exact name, such as cudnnBackendExecute.</param>
    /// <param name="status">The value of the cudnnStatus_t, such as 5000 for CUDNN_STATUS_EXECUTION_FAILED.</param>
    /// <param name="use">Which use, the next one being 1.</param>
    public void FailCall(string call, int status, int use = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(use);
        if (!CuDnnFunctions.Addresses.ContainsKey(call))
        {
            throw new ArgumentException($"{call} is no function of the emulated cuDNN.", nameof(call));
        }
        lock (emulator.Gate)
        {
            Injection.Add(call, use, (CUresult)status);
        }
    }
}

/// <summary>Ends a call of cuDNN with a status and what cudnnGetLastErrorString then says.</summary>
internal sealed class CuDnnRefused(cudnnStatus_t status, string message) : Exception(message)
{
    public cudnnStatus_t Status { get; } = status;
}

/// <summary>A cudnnHandle_t.</summary>
internal sealed class CuDnnHandleObject(EmulatedContext context)
    : HostObject(context, HandleKind.CuDnn, nameof(CuDnnApi.cudnnCreate))
{
    public EmulatedStream Stream { get; set; } = context.Legacy;
}
