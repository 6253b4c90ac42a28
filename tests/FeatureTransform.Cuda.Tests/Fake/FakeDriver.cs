using System.Reflection;
using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda.Tests.Fake;

/// <summary>
/// Stands in for a driver: makes handles, remembers which of them live and in which context, and notes what a real driver would
/// answer with undefined behaviour. It computes nothing. Each fake is its own world, though its functions are static: a handle
/// holds its number.
/// </summary>
internal sealed partial class FakeDriver : ISymbolSource
{
    private static readonly List<FakeDriver> All = [];

    [ThreadStatic]
    private static FakeDriver? asked; // by functions whose parameters do not tell

    private readonly Lock gate = new();
    private readonly Dictionary<nint, (string Kind, nint Context)> live = [];
    private readonly Dictionary<string, int> calls = [];
    private readonly int number;
    private int made;

    public FakeDriver()
    {
        lock (All)
        {
            number = All.Count + 1;
            All.Add(this);
        }
        foreach (MethodInfo method in Functions)
        {
            calls.Add(method.Name, 0);
        }
        asked = this;
    }

    public string Name => "fake driver";

    public int Version { get; init; } = 12040;

    public int DeviceCount { get; init; } = 2;

    /// <summary>Names that it does not export.</summary>
    public HashSet<string> Hidden { get; init; } = [];

    /// <summary>Functions that fail, and how.</summary>
    public Dictionary<string, CUresult> Failing { get; init; } = [];

    /// <summary>Functions during which all garbage is collected and finalized.</summary>
    public HashSet<string> Collecting { get; } = [];

    /// <summary>What was done that must not be.</summary>
    public List<string> Errors { get; } = [];

    /// <summary>Kinds of destroyed objects, in order.</summary>
    public List<string> Destroyed { get; } = [];

    public FakeLaunch LastLaunch { get; } = new();

    public int Live
    {
        get
        {
            lock (gate)
            {
                return live.Count;
            }
        }
    }

    public nint Find(string symbol)
    {
        asked = this;
        MethodInfo? function = Functions.FirstOrDefault(method => method.Name == symbol && !Hidden.Contains(symbol));
        return function?.MethodHandle.GetFunctionPointer() ?? 0;
    }

    public int CallsOf(string function)
    {
        lock (gate)
        {
            return calls[function];
        }
    }

    /// <summary>A handle that someone else made.</summary>
    public nint MakeForeign(string kind, nint context)
    {
        lock (gate)
        {
            nint handle = NewHandle();
            live.Add(handle, (kind, context == 0 ? handle : context));
            return handle;
        }
    }

    public bool IsLive(nint handle)
    {
        lock (gate)
        {
            return live.ContainsKey(handle);
        }
    }

    private static readonly MethodInfo[] Functions = [.. typeof(FakeDriver)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(method => method.IsDefined(typeof(System.Runtime.InteropServices.UnmanagedCallersOnlyAttribute)))];

    private static FakeDriver Of(nint handle)
    {
        lock (All)
        {
            return All[(int)(handle >> 32) - 1];
        }
    }

    private nint NewHandle() => ((nint)number << 32) | (++made * 256);

    /// <summary>Counts a call; what it answers. Allocates nothing.</summary>
    private CUresult Enter(string function)
    {
        lock (gate)
        {
            calls[function]++;
        }
        if (Collecting.Contains(function))
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        return Failing.GetValueOrDefault(function);
    }

    /// <summary>As <see cref="Enter"/>, for a call that makes an object in the context that is current.</summary>
    private static unsafe CUresult Make(string kind, nint* made, [CallerMemberName] string function = "")
    {
        if (!Current.TryPeek(out nint context))
        {
            return CUresult.CUDA_ERROR_INVALID_CONTEXT;
        }
        FakeDriver fake = Of(context);
        CUresult result = fake.Enter(function);
        if (result == CUresult.CUDA_SUCCESS)
        {
            lock (fake.gate)
            {
                *made = fake.NewHandle();
                fake.live.Add(*made, (kind, context));
            }
        }
        return result;
    }

    /// <summary>
    /// As <see cref="Enter"/>, for a call that uses objects, which are to live until it is done, in the current context.
    /// </summary>
    private static CUresult Use(nint first, nint second = 0, nint third = 0, [CallerMemberName] string function = "")
    {
        FakeDriver fake = Of(first);
        fake.Expect(first, function);
        CUresult result = fake.Enter(function);
        fake.Expect(first, function);
        fake.Expect(second, function);
        fake.Expect(third, function);
        return result;
    }

    private static CUresult Destroy(nint handle, [CallerMemberName] string function = "")
    {
        FakeDriver fake = Of(handle);
        fake.Expect(handle, function);
        lock (fake.gate)
        {
            fake.Destroyed.Add(fake.live.Remove(handle, out (string Kind, nint Context) entry) ? entry.Kind : "nothing");
        }
        return fake.Enter(function);
    }

    private void Expect(nint handle, string function)
    {
        lock (gate)
        {
            if (handle == 0)
            {
                return;
            }
            if (!live.TryGetValue(handle, out (string Kind, nint Context) entry))
            {
                Errors.Add($"{function} of {handle:x}, which does not live");
            }
            else if (!Current.TryPeek(out nint context) || context != entry.Context)
            {
                Errors.Add($"{function} of a {entry.Kind} of another context");
            }
        }
    }
}

/// <summary>What the last launch was given.</summary>
internal sealed class FakeLaunch
{
    public Dim3 Grid { get; set; }

    public Dim3 Block { get; set; }

    public uint SharedBytes { get; set; }

    public nint Function { get; set; }

    public nint Stream { get; set; }

    /// <summary>The first 16 bytes of the arguments; tests pass no fewer.</summary>
    public byte[] Arguments { get; } = new byte[16];
}
