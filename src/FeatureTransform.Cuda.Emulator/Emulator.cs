using FeatureTransform.Cuda.Emulator.CuBlas;
using FeatureTransform.Cuda.Emulator.CuDnn;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator;

/// <summary>
/// A driver with software devices behind it: <c>new CudaDriver(new Emulator(DeviceProfile.A100))</c>. It executes PTX, not
/// machine code, and notes what a device would answer with undefined behaviour in <see cref="Findings"/>.
/// </summary>
/// <remarks>
/// Any number of emulators can live in one process. Their functions are the same; a handle, a device (CUdevice) and an address
/// tell which emulator is meant. Functions without any (cuInit, cuDeviceGetCount, cuDeviceGet) mean the one that the calling
/// thread last asked for a function or used, or else the one made last. An emulator lives until it is disposed of.
/// </remarks>
public sealed class Emulator : ISymbolSource, IDisposable
{
    private static readonly Lock AllGate = new();
    private static readonly Dictionary<int, Emulator> All = [];
    private static int made;

    /// <summary>The number of the emulator that the thread last used; 0 before the first.</summary>
    [ThreadStatic]
    private static int used;

    /// <summary>Emulates a device with all checks.</summary>
    public Emulator(DeviceProfile device)
        : this(new EmulatorOptions { Device = device ?? throw new ArgumentNullException(nameof(device)) })
    {
    }

    /// <summary>Emulates devices.</summary>
    public Emulator(EmulatorOptions options)
        : this(options ?? throw new ArgumentNullException(nameof(options)), new Interpreter(options))
    {
    }

    /// <summary>Emulates devices whose kernels something else executes.</summary>
    internal Emulator(EmulatorOptions options, IExecutor executor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.DeviceCount);
        Options = options;
        Executor = executor;
        lock (AllGate)
        {
            Number = ++made;
            All[Number] = this;
        }
        Handles = new HandleTable(Number);
        CuBlasLt = new CuBlasLtLibrary(this);
        CuDnn = new CuDnnLibrary(this);
        Devices = [.. Enumerable.Range(0, options.DeviceCount).Select(ordinal => new EmulatedDevice(this, ordinal))];
        Use();
    }

    /// <inheritdoc/>
    public string Name => $"emulator ({Options.Device.Name})";

    /// <summary>What it emulates, and how.</summary>
    public EmulatorOptions Options { get; }

    /// <summary>cuBLASLt on its devices.</summary>
    public CuBlasLtLibrary CuBlasLt { get; }

    /// <summary>cuDNN for its devices.</summary>
    public CuDnnLibrary CuDnn { get; }

    /// <summary>Gets what kernels print; by default nothing does.</summary>
    public Action<string>? Output { get; set; }

    /// <summary>What was found so far, in kernels and in the host's use of the driver, in order.</summary>
    public IReadOnlyList<Finding> Findings => FindingList.Snapshot();

    /// <summary>How often each function of the driver was called.</summary>
    public IReadOnlyDictionary<string, int> Calls
    {
        get
        {
            lock (Gate)
            {
                return new Dictionary<string, int>(Injection.Uses);
            }
        }
    }

    /// <summary>
    /// What each kernel executed so far, by its name, all launches together, where <see cref="EmulatorOptions.Counters"/> asks
    /// for it.
    /// </summary>
    public IReadOnlyDictionary<string, KernelCounters> Counters => Executor.Counters;

    /// <summary>The number of this emulator in its handles.</summary>
    internal int Number { get; }

    internal IExecutor Executor { get; }

    /// <summary>Held during every call; given up while a host function runs.</summary>
    internal object Gate { get; } = new();

    internal HandleTable Handles { get; }

    internal IReadOnlyList<EmulatedDevice> Devices { get; }

    internal ErrorInjection Injection { get; } = new();

    internal FindingList FindingList { get; } = new();

    /// <summary>Captures that did not end yet.</summary>
    internal List<Capture> Captures { get; } = [];

    /// <summary>How many contexts were made; each has addresses of its own.</summary>
    internal int ContextCount { get; set; }

    internal bool IsInitialized { get; set; }

    internal bool IsDisposed { get; private set; }

    /// <inheritdoc/>
    public nint Find(string symbol)
    {
        Use();
        return DriverFunctions.Addresses.GetValueOrDefault(symbol);
    }

    /// <summary>Forgets what was found so far.</summary>
    public void ClearFindings() => FindingList.Clear();

    /// <summary>Lets a function of the driver fail, without doing anything, at its n-th use from now.</summary>
    /// <param name="call">The exact name, such as cuMemAlloc_v2.</param>
    /// <param name="code">The value of the CUresult, such as 2 for CUDA_ERROR_OUT_OF_MEMORY.</param>
    /// <param name="use">Which use, the next one being 1.</param>
    public void FailCall(string call, int code, int use = 1)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(use);
        if (!DriverFunctions.Addresses.ContainsKey(call))
        {
            throw new ArgumentException($"{call} is no function of the emulated driver.", nameof(call));
        }
        lock (Gate)
        {
            Injection.Add(call, use, (CUresult)code);
        }
    }

    /// <summary>Ends all contexts, as the end of a process does; what they still hold is reported. Functions called later answer
    /// that the driver is shut down.</summary>
    public void Dispose()
    {
        lock (AllGate)
        {
            All.Remove(Number);
        }
        lock (Gate)
        {
            if (IsDisposed)
            {
                return;
            }
            foreach (EmulatedDevice device in Devices)
            {
                device.Primary?.Destroy(nameof(Dispose));
            }
            if (CuDnn.LiveDescriptors > 0)
            {
                Report(FindingKinds.Leak, nameof(Dispose), $"{CuDnn.LiveDescriptors} descriptors of cuDNN are left");
            }
            foreach ((HandleKind kind, int count) in Handles.LiveDescriptors())
            {
                Report(FindingKinds.Leak, nameof(Dispose), $"{count} {kind.ToString().ToLowerInvariant()} left at the end");
            }
            IsDisposed = true;
        }
    }

    /// <summary>The emulator of a number in a handle or device; null if there is none.</summary>
    internal static Emulator? Of(int number)
    {
        lock (AllGate)
        {
            return All.GetValueOrDefault(number);
        }
    }

    /// <summary>Whether there is or was one of this number.</summary>
    internal static bool Existed(int number) => number > 0 && number <= Volatile.Read(ref made);

    /// <summary>The emulator that the thread last used, null once that is disposed of; at first the one made last.</summary>
    internal static Emulator? LastUsed() => used != 0 ? Of(used) : Latest();

    /// <summary>As <see cref="LastUsed"/>, but in place of one that was disposed of there is the one made last.</summary>
    internal static Emulator? LastLive() => LastUsed() ?? Latest();

    /// <summary>Notes which one the calling thread uses.</summary>
    internal static void Use(int number) => used = number;

    private void Use() => Use(Number);

    private static Emulator? Latest()
    {
        lock (AllGate)
        {
            return All.Count > 0 ? All[All.Keys.Max()] : null;
        }
    }

    internal void Report(string kind, string call, string message)
    {
        if ((Options.Checks & Checks.Host) != 0)
        {
            FindingList.Add(new Finding { Check = Checks.Host, Kind = kind, Call = call, Message = message });
        }
    }
}
