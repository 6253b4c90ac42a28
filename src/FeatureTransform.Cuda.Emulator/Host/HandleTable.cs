using System.Diagnostics.CodeAnalysis;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>
/// The handles of one emulator. A handle holds the emulator's number, the kind of its object and a serial number that is never
/// used again, so that a destroyed one, one of another kind and one of another emulator are told apart.
/// </summary>
internal sealed class HandleTable(int emulator)
{
    private readonly Dictionary<nint, object> live = [];
    private uint next = 1;

    /// <summary>The emulator's number that a handle holds; it may be of no emulator.</summary>
    public static int EmulatorOf(nint handle) => (int)(((ulong)handle >> 32) & 0xFFFFFF);

    public static string Describe(nint handle) =>
        $"{KindOf(handle).ToString().ToLowerInvariant()} {(uint)handle} (0x{handle:x})";

    public nint Add(HostObject created) => Add(created, created.Kind);

    public nint Add(object created, HandleKind kind)
    {
        nint handle = (nint)(((ulong)kind << 56) | ((ulong)(uint)emulator << 32) | next++);
        live.Add(handle, created);
        return handle;
    }

    public void Remove(nint handle) => live.Remove(handle);

    public IEnumerable<HostObject> LiveOf(EmulatedContext context) =>
        live.Values.OfType<HostObject>().Where(o => o.Context == context);

    /// <summary>What belongs to no context and was not destroyed yet: descriptors of libraries.</summary>
    public IEnumerable<(HandleKind Kind, int Count)> LiveDescriptors() => live
        .Where(entry => entry.Value is not (HostObject or EmulatedContext or GraphNode))
        .GroupBy(entry => KindOf(entry.Key), (kind, entries) => (kind, entries.Count()));

    public bool TryGet<T>(nint handle, [NotNullWhen(true)] out T? found)
        where T : class
    {
        found = live.GetValueOrDefault(handle) as T;
        return found is not null;
    }

    /// <summary>The object of a handle.</summary>
    /// <param name="handle">What the host gave.</param>
    /// <param name="kind">What it should be.</param>
    /// <param name="destroys">Whether the call destroys it.</param>
    /// <exception cref="CallRefused">It is no such handle.</exception>
    public T Get<T>(nint handle, HandleKind kind, bool destroys = false)
        where T : class
    {
        if (TryGet(handle, out T? found))
        {
            return found;
        }
        CUresult code = kind == HandleKind.Context ? CUresult.CUDA_ERROR_INVALID_CONTEXT : CUresult.CUDA_ERROR_INVALID_HANDLE;
        string expected = kind.ToString().ToLowerInvariant();
        if (live.ContainsKey(handle))
        {
            throw new CallRefused(code, FindingKinds.InvalidHandle, $"{Describe(handle)} is given for a {expected}");
        }
        if (EmulatorOf(handle) != emulator || !Enum.IsDefined(KindOf(handle)) || (uint)handle >= next)
        {
            throw new CallRefused(code, FindingKinds.InvalidHandle, $"0x{handle:x} is no handle of a {expected} of this driver");
        }
        throw new CallRefused(
            kind == HandleKind.Context ? CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED : code,
            destroys ? FindingKinds.DoubleDestroy : FindingKinds.UseAfterDestroy,
            $"{Describe(handle)} was destroyed before");
    }

    private static HandleKind KindOf(nint handle) => (HandleKind)(byte)((ulong)handle >> 56);
}
