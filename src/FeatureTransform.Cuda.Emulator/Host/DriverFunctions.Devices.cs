using System.Runtime.InteropServices;
using System.Text;

namespace FeatureTransform.Cuda.Emulator.Host;

// Versions, errors, devices, contexts.
internal static unsafe partial class DriverFunctions
{
    private const int Version = 13000;

    [UnmanagedCallersOnly]
    private static CUresult cuInit(uint flags) => OfDriver(emulator =>
    {
        if (flags != 0)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, "the flags are not 0");
        }
        emulator.IsInitialized = true;
        return CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDriverGetVersion(int* version) => OfDriver(_ =>
    {
        RequirePointer(version);
        *version = Version;
        return CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuGetErrorName(CUresult error, byte** name)
    {
        *name = ErrorTexts.NameOf(error);
        return *name is null ? CUresult.CUDA_ERROR_INVALID_VALUE : CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGetErrorString(CUresult error, byte** text)
    {
        *text = ErrorTexts.TextOf(error);
        return *text is null ? CUresult.CUDA_ERROR_INVALID_VALUE : CUresult.CUDA_SUCCESS;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGetProcAddress_v2(
        byte* symbol, void** function, int version, ulong flags, CUdriverProcAddressQueryResult* status) => OfDriver(_ =>
    {
        RequirePointer(function);
        string name = Text(symbol);
        // Asked for cuMemAlloc, the driver gives cuMemAlloc_v2.
        nint address = Addresses.GetValueOrDefault(name + "_v2");
        *function = (void*)(address != 0 ? address : Addresses.GetValueOrDefault(name));
        if (status is not null)
        {
            *status = *function is null
                ? CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
                : CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS;
        }
        return *function is null && status is null ? CUresult.CUDA_ERROR_NOT_FOUND : CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetCount(int* count) => OfDriver(emulator =>
    {
        RequireInitialized(emulator);
        RequirePointer(count);
        *count = emulator.Devices.Count;
        return CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGet(int* device, int ordinal) => OfDriver(emulator =>
    {
        RequireInitialized(emulator);
        RequirePointer(device);
        if ((uint)ordinal >= (uint)emulator.Devices.Count)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_DEVICE, FindingKinds.InvalidArgument,
                $"there is no device {ordinal}; there are {emulator.Devices.Count}");
        }
        *device = emulator.Devices[ordinal].Handle;
        return CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetName(byte* name, int length, int device) => OnDevice(device, found =>
    {
        RequirePointer(name);
        byte[] text = Encoding.UTF8.GetBytes(found.Profile.Name);
        var target = new Span<byte>(name, length);
        target.Clear();
        text.AsSpan(0, Math.Min(text.Length, length - 1)).CopyTo(target);
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceTotalMem_v2(nuint* bytes, int device) => OnDevice(device, found =>
    {
        RequirePointer(bytes);
        *bytes = (nuint)found.Profile.MemoryBytes;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, int device) =>
        OnDevice(device, found =>
        {
            RequirePointer(value);
            *value = found.Attribute((int)attribute) ?? throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.UnsupportedCall,
                $"device attribute {(int)attribute} is not emulated");
        });

    [UnmanagedCallersOnly]
    private static CUresult cuDevicePrimaryCtxRetain(nint* context, int device) => OnDevice(device, found =>
    {
        RequirePointer(context);
        *context = found.Retain(nameof(cuDevicePrimaryCtxRetain)).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuDevicePrimaryCtxRelease_v2(int device) =>
        OnDevice(device, found => found.Release(nameof(cuDevicePrimaryCtxRelease_v2)));

    [UnmanagedCallersOnly]
    private static CUresult cuCtxGetCurrent(nint* context)
    {
        if (Current is null && Emulator.LastUsed() is null)
        {
            *context = 0; // of no driver at all
            return CUresult.CUDA_SUCCESS;
        }
        return OfThread(_ =>
        {
            RequirePointer(context);
            *context = Current?.Handle ?? 0;
            return CUresult.CUDA_SUCCESS;
        });
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxPushCurrent_v2(nint context)
    {
        int number = HandleTable.EmulatorOf(context);
        if (Emulator.Existed(number))
        {
            Emulator.Use(number); // even if it is disposed of: what follows is meant for it
        }
        return Run(Emulator.LastUsed(), emulator =>
        {
            RequireInitialized(emulator);
            Contexts.Push(emulator.Handles.Get<EmulatedContext>(context, HandleKind.Context));
            return CUresult.CUDA_SUCCESS;
        }, nameof(cuCtxPushCurrent_v2));
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxPopCurrent_v2(nint* context) => OfThread(emulator =>
    {
        RequireInitialized(emulator);
        if (!Contexts.TryPop(out EmulatedContext? popped))
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_CONTEXT, FindingKinds.WrongContext, "the thread has no context to pop");
        }
        if (context is not null)
        {
            *context = popped.Handle;
        }
        return CUresult.CUDA_SUCCESS;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuCtxGetDevice(int* device) => InContext(context =>
    {
        RequirePointer(device);
        *device = context.Device.Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuCtxSynchronize() => InContext(context =>
    {
        CaptureRules.RequireNotCapturing(context);
        CaptureRules.RequireSafe(context.Emulator);
        context.Synchronize();
    });
}
