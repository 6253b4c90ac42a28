using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Tests.Fake;

// Errors, devices, contexts, memory.
internal sealed unsafe partial class FakeDriver
{
    private const int Success = 0;

    [ThreadStatic]
    private static Stack<nint>? current;

    private static readonly nint ErrorName = Marshal.StringToCoTaskMemUTF8("CUDA_ERROR_OF_FAKE");

    private static readonly nint ErrorText = Marshal.StringToCoTaskMemUTF8("text of the fake");

    /// <summary>The contexts of this thread, the current one on top.</summary>
    public static Stack<nint> Current => current ??= new Stack<nint>();

    private readonly Dictionary<int, (nint Context, int Count)> primary = [];

    [UnmanagedCallersOnly]
    private static CUresult cuInit(uint flags) => asked!.Enter(nameof(cuInit));

    [UnmanagedCallersOnly]
    private static CUresult cuDriverGetVersion(int* version)
    {
        *version = asked!.Version;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGetErrorName(CUresult error, byte** name)
    {
        *name = (byte*)(Enum.IsDefined(error) ? ErrorName : 0);
        return *name == null ? CUresult.CUDA_ERROR_INVALID_VALUE : Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuGetErrorString(CUresult error, byte** text)
    {
        *text = (byte*)(Enum.IsDefined(error) ? ErrorText : 0);
        return *text == null ? CUresult.CUDA_ERROR_INVALID_VALUE : Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetCount(int* count)
    {
        *count = asked!.DeviceCount;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGet(int* device, int ordinal)
    {
        *device = (asked!.number * 16) + ordinal;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetName(byte* name, int length, int device)
    {
        "Fake device\0"u8.CopyTo(new Span<byte>(name, length));
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceTotalMem_v2(nuint* bytes, int device)
    {
        *bytes = (nuint)80 << 30;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, int device)
    {
        *value = attribute switch
        {
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => 8,
            CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => 6,
            _ => 1000 + (int)attribute,
        };
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDevicePrimaryCtxRetain(nint* context, int device)
    {
        FakeDriver fake = Of((nint)(device / 16) << 32);
        lock (fake.gate)
        {
            (nint Context, int Count) entry = fake.primary.GetValueOrDefault(device);
            if (entry.Count == 0)
            {
                entry.Context = fake.NewHandle();
                fake.live.Add(entry.Context, ("context", entry.Context));
            }
            fake.primary[device] = (entry.Context, entry.Count + 1);
            *context = entry.Context;
        }
        return fake.Enter(nameof(cuDevicePrimaryCtxRetain));
    }

    [UnmanagedCallersOnly]
    private static CUresult cuDevicePrimaryCtxRelease_v2(int device)
    {
        FakeDriver fake = Of((nint)(device / 16) << 32);
        lock (fake.gate)
        {
            (nint context, int count) = fake.primary[device];
            fake.primary[device] = (context, count - 1);
            if (count <= 0)
            {
                fake.Errors.Add("released more often than retained");
            }
            else if (count == 1)
            {
                fake.live.Remove(context);
                fake.Destroyed.Add("context");
                fake.Errors.AddRange(fake.live.Where(entry => entry.Value.Context == context)
                    .Select(entry => $"the context is released before a {entry.Value.Kind}"));
            }
        }
        return fake.Enter(nameof(cuDevicePrimaryCtxRelease_v2));
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxGetCurrent(nint* context)
    {
        *context = Current.TryPeek(out nint top) ? top : 0;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxPushCurrent_v2(nint context)
    {
        CUresult result = Of(context).Enter(nameof(cuCtxPushCurrent_v2));
        if (result == CUresult.CUDA_SUCCESS)
        {
            Current.Push(context);
        }
        return result;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxPopCurrent_v2(nint* context)
    {
        *context = Current.Pop();
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxGetDevice(int* device)
    {
        FakeDriver fake = Of(Current.Peek());
        nint context = Current.Peek();
        int known = fake.primary.FirstOrDefault(entry => entry.Value.Context == context).Key;
        *device = known > 0 ? known : fake.number * 16;
        return Success;
    }

    [UnmanagedCallersOnly]
    private static CUresult cuCtxSynchronize() => Use(Current.Peek(), function: nameof(cuCtxSynchronize));

    [UnmanagedCallersOnly]
    private static CUresult cuMemGetInfo_v2(nuint* free, nuint* total)
    {
        (*free, *total) = (123, 456);
        return Use(Current.Peek(), function: nameof(cuMemGetInfo_v2));
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemAlloc_v2(ulong* address, nuint bytes) => Make("memory", (nint*)address);

    [UnmanagedCallersOnly]
    private static CUresult cuMemFree_v2(ulong address) => Destroy((nint)address);

    [UnmanagedCallersOnly]
    private static CUresult cuMemAllocAsync(ulong* address, nuint bytes, nint stream) =>
        Make("stream-ordered memory", (nint*)address);

    [UnmanagedCallersOnly]
    private static CUresult cuMemFreeAsync(ulong address, nint stream)
    {
        Use(stream);
        return Destroy((nint)address);
    }

    [UnmanagedCallersOnly]
    private static CUresult cuMemHostAlloc(void** address, nuint bytes, uint flags) => Make("pinned memory", (nint*)address);

    [UnmanagedCallersOnly]
    private static CUresult cuMemFreeHost(void* address) => Destroy((nint)address);

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyHtoDAsync_v2(ulong to, void* from, nuint bytes, nint stream) => Use(stream, Base(to));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoHAsync_v2(void* to, ulong from, nuint bytes, nint stream) => Use(stream, Base(from));

    [UnmanagedCallersOnly]
    private static CUresult cuMemcpyDtoDAsync_v2(ulong to, ulong from, nuint bytes, nint stream) =>
        Use(stream, Base(to), Base(from));

    [UnmanagedCallersOnly]
    private static CUresult cuMemsetD8Async(ulong to, byte value, nuint count, nint stream) => Use(stream, Base(to));

    /// <summary>The allocation of an address: handles are 256 apart.</summary>
    private static nint Base(ulong address) => (nint)(address & ~255UL);
}
