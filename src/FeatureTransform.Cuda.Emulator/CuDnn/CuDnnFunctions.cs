using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>The functions of cuDNN under their exact names. No exception leaves them.</summary>
internal static unsafe class CuDnnFunctions
{
    private static readonly ConcurrentDictionary<cudnnStatus_t, nint> Texts = new();

    /// <summary>The address of each function by its name.</summary>
    public static IReadOnlyDictionary<string, nint> Addresses { get; } = typeof(CuDnnFunctions)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(m => m.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))
        .ToDictionary(m => m.Name, m => m.MethodHandle.GetFunctionPointer(), StringComparer.Ordinal);

    [UnmanagedCallersOnly]
    private static nuint cudnnGetVersion() => CuDnnLibrary.VersionNumber;

    [UnmanagedCallersOnly]
    private static byte* cudnnGetErrorString(cudnnStatus_t status) =>
        (byte*)Texts.GetOrAdd(status, static value => Marshal.StringToCoTaskMemUTF8(value.ToString()));

    [UnmanagedCallersOnly]
    private static void cudnnGetLastErrorString(byte* message, nuint bytes)
    {
        if (bytes == 0 || ThreadEmulator() is not { } emulator)
        {
            return;
        }
        byte[] text = Encoding.UTF8.GetBytes(emulator.CuDnn.LastError);
        int count = Math.Min(text.Length, (int)bytes - 1);
        text.AsSpan(0, count).CopyTo(new Span<byte>(message, count));
        message[count] = 0;
    }

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnCreate(nint* handle) => Run(ThreadEmulator(), _ =>
    {
        EmulatedContext context = DriverFunctions.Current
            ?? throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED, "no context is current on the calling thread");
        *handle = new CuDnnHandleObject(context).Handle;
    });

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnDestroy(nint handle) => Run(EmulatorOf(handle), emulator =>
    {
        _ = emulator.Handles.Get<CuDnnHandleObject>(handle, HandleKind.CuDnn, destroys: true);
        emulator.Handles.Remove(handle);
    });

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnSetStream(nint handle, nint stream) => Run(EmulatorOf(handle), emulator =>
    {
        CuDnnHandleObject found = emulator.Handles.Get<CuDnnHandleObject>(handle, HandleKind.CuDnn);
        found.Stream = found.Context.Stream(stream);
    });

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, nint* descriptor) =>
        Run(ThreadEmulator(), emulator =>
        {
            if (!Enum.IsDefined(type))
            {
                throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, $"descriptors of type {(int)type} are not emulated");
            }
            *descriptor = emulator.Handles.Add(new BackendObject(type), HandleKind.Descriptor);
            emulator.CuDnn.LiveDescriptors++;
        });

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendDestroyDescriptor(nint descriptor) => Run(EmulatorOf(descriptor), emulator =>
    {
        _ = emulator.Handles.Get<BackendObject>(descriptor, HandleKind.Descriptor, destroys: true);
        emulator.Handles.Remove(descriptor);
        emulator.CuDnn.LiveDescriptors--;
    });

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendSetAttribute(
        nint descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, long count, void* elements) =>
        Run(EmulatorOf(descriptor), emulator =>
            emulator.Handles.Get<BackendObject>(descriptor, HandleKind.Descriptor).Set(emulator, name, type, count, (byte*)elements));

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendGetAttribute(
        nint descriptor, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, long room, long* count, void* elements) =>
        Run(EmulatorOf(descriptor), emulator =>
            *count = emulator.Handles.Get<BackendObject>(descriptor, HandleKind.Descriptor)
                .Get(emulator, name, type, room, (byte*)elements));

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendFinalize(nint descriptor) => Run(EmulatorOf(descriptor), emulator =>
        DescriptorRules.Finalize(emulator, emulator.Handles.Get<BackendObject>(descriptor, HandleKind.Descriptor)));

    [UnmanagedCallersOnly]
    private static cudnnStatus_t cudnnBackendExecute(nint handle, nint plan, nint pack) => Run(EmulatorOf(handle), emulator =>
    {
        CuDnnHandleObject cudnn = emulator.Handles.Get<CuDnnHandleObject>(handle, HandleKind.CuDnn);
        BackendObject planned = emulator.Handles.Get<BackendObject>(plan, HandleKind.Descriptor);
        BackendObject given = emulator.Handles.Get<BackendObject>(pack, HandleKind.Descriptor);
        PlanExecution.Enqueue(cudnn, planned.Result<PlannedGraph>(), given.Result<VariantPack>());
    });

    private static Emulator? ThreadEmulator() => DriverFunctions.Current?.Emulator ?? Emulator.LastLive();

    /// <summary>That of a handle; null once it is disposed of, so that a finalizer of what was left reaches no other.</summary>
    private static Emulator? EmulatorOf(nint handle)
    {
        int number = HandleTable.EmulatorOf(handle);
        return Emulator.Existed(number) ? Emulator.Of(number) : ThreadEmulator();
    }

    private static cudnnStatus_t Run(Emulator? emulator, Action<Emulator> body, [CallerMemberName] string call = "")
    {
        if (emulator is null)
        {
            return cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED;
        }
        lock (emulator.Gate)
        {
            CuDnnLibrary library = emulator.CuDnn;
            if (library.Injection.Count(call) is not CUresult.CUDA_SUCCESS and CUresult injected)
            {
                library.LastError = $"{call} was made to fail";
                return (cudnnStatus_t)injected;
            }
            try
            {
                body(emulator);
                return cudnnStatus_t.CUDNN_STATUS_SUCCESS;
            }
            catch (CuDnnRefused refusal)
            {
                library.LastError = refusal.Message;
                return refusal.Status;
            }
            catch (CallRefused refusal)
            {
                library.LastError = refusal.Message;
                if (refusal.Kind is not null)
                {
                    emulator.Report(refusal.Kind, call, refusal.Message);
                }
                return cudnnStatus_t.CUDNN_STATUS_BAD_PARAM;
            }
            catch (Exception exception)
            {
                library.LastError = exception.Message;
                emulator.Report(FindingKinds.InternalError, call, exception.ToString());
                return cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR;
            }
        }
    }
}
