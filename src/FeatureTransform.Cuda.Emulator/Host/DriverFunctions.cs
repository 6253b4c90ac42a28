using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>
/// The functions of the driver, under their exact names and with their native signatures. Each finds its emulator through what it
/// is given, counts its use, and turns refusals into codes: no exception leaves it.
/// </summary>
internal static unsafe partial class DriverFunctions
{
    /// <summary>The contexts of each thread, the current one on top; those of several emulators may be mixed.</summary>
    [ThreadStatic]
    private static Stack<EmulatedContext>? contexts;

    /// <summary>The address of each function by its name.</summary>
    public static IReadOnlyDictionary<string, nint> Addresses { get; } = typeof(DriverFunctions)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(m => m.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))
        .ToDictionary(m => m.Name, m => m.MethodHandle.GetFunctionPointer(), StringComparer.Ordinal);

    /// <summary>The context that is current on the calling thread, as the libraries above the driver ask for it.</summary>
    public static EmulatedContext? CurrentContext => Current;

    private static Stack<EmulatedContext> Contexts => contexts ??= new Stack<EmulatedContext>();

    /// <summary>The context that is current on the calling thread; null for none.</summary>
    internal static EmulatedContext? Current
    {
        get
        {
            while (Contexts.TryPeek(out EmulatedContext? context))
            {
                if (!context.Emulator.IsDisposed)
                {
                    return context;
                }
                Contexts.Pop();
            }
            return null;
        }
    }

    /// <summary>A call about the driver as a whole, which is the one that the thread was last given a function of.</summary>
    private static CUresult OfDriver(Func<Emulator, CUresult> body, [CallerMemberName] string call = "") =>
        Run(Emulator.LastLive(), body, call);

    /// <summary>A call about the calling thread: the driver of its context, or else the one it last used.</summary>
    private static CUresult OfThread(Func<Emulator, CUresult> body, [CallerMemberName] string call = "") =>
        Run(Current?.Emulator ?? Emulator.LastUsed(), body, call);

    /// <summary>A call about a device, once the driver is initialised.</summary>
    private static CUresult OnDevice(int device, Action<EmulatedDevice> body, [CallerMemberName] string call = "") =>
        Run(EmulatedDevice.EmulatorOf(device), emulator =>
        {
            RequireInitialized(emulator);
            body(EmulatedDevice.Get(emulator, device));
            return CUresult.CUDA_SUCCESS;
        }, call);

    /// <summary>
    /// A call that needs a context; where the context is lost, it answers why. What destroys does so even then.
    /// </summary>
    private static CUresult InContext(Action<EmulatedContext> body, bool destroys = false, [CallerMemberName] string call = "") =>
        OfThread(emulator =>
        {
            RequireInitialized(emulator);
            EmulatedContext context = Current ?? throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_CONTEXT, FindingKinds.WrongContext, "no context is current on the calling thread");
            if (context.IsDestroyed)
            {
                throw new CallRefused(
                    CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, FindingKinds.UseAfterDestroy,
                    $"{context}, which is current, was released");
            }
            if (context.Failure == CUresult.CUDA_SUCCESS || destroys)
            {
                body(context);
            }
            return context.Failure;
        }, call);

    private static CUresult Run(Emulator? emulator, Func<Emulator, CUresult> body, string call)
    {
        if (emulator is null)
        {
            return CUresult.CUDA_ERROR_DEINITIALIZED;
        }
        Emulator.Use(emulator.Number);
        if (HostFunction.IsRunning)
        {
            emulator.Report(FindingKinds.InvalidArgument, call, "it is called within a host function of a stream");
            return CUresult.CUDA_ERROR_NOT_PERMITTED;
        }
        lock (emulator.Gate)
        {
            CUresult injected = emulator.Injection.Count(call);
            if (injected != CUresult.CUDA_SUCCESS)
            {
                return injected;
            }
            try
            {
                return body(emulator);
            }
            catch (CallRefused refusal)
            {
                if (refusal.Kind is not null)
                {
                    emulator.Report(refusal.Kind, call, refusal.Message);
                }
                return refusal.Code;
            }
            catch (OutOfMemoryException)
            {
                return CUresult.CUDA_ERROR_OUT_OF_MEMORY;
            }
            catch (Exception exception)
            {
                emulator.Report(FindingKinds.InternalError, call, exception.ToString());
                return CUresult.CUDA_ERROR_UNKNOWN;
            }
        }
    }

    /// <summary>A function that exists, and is not emulated: it says so, and never success.</summary>
    private static CUresult NotEmulated([CallerMemberName] string call = "") => OfThread(
        _ => throw new CallRefused(
            CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall, $"{call} is not emulated"),
        call);

    private static void RequireInitialized(Emulator emulator)
    {
        if (!emulator.IsInitialized)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_NOT_INITIALIZED, FindingKinds.InvalidArgument, "cuInit was not called");
        }
    }

    private static void RequirePointer(void* pointer)
    {
        if (pointer is null)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument,
                "a pointer to the result is null");
        }
    }

    private static string Text(byte* name) => Marshal.PtrToStringUTF8((nint)name)
        ?? throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, "a name is null");
}
