using System.Runtime.InteropServices;

namespace FeatureTransform.LibTorch;

/// <summary>
/// LibTorch's stable C ABI (torch/csrc/stable/c/shim.h and torch/csrc/inductor/aoti_torch/c/shim.h of LibTorch 2.10):
/// raw tensor handles, the operator dispatcher, and its thread pool. Autograd is never on.
/// </summary>
internal static unsafe class ATen
{
    // The ABI version that callers declare: major << 56 | minor << 48.
    private const ulong AbiVersion = (2UL << 56) | (10UL << 48);
    private const int CpuDeviceType = 0, AnyDeviceIndex = -1, StridedLayout = 0;

    private static readonly nint Library;
    private static readonly delegate* unmanaged<byte*, byte*, ulong*, ulong, int> Dispatcher;
    private static readonly delegate* unmanaged<nuint, nint*, int> NewList;
    private static readonly delegate* unmanaged<nint, ulong, int> PushBack;
    private static readonly delegate* unmanaged<long, long*, long*, int, int, int, nint*, int> EmptyStrided;
    private static readonly delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int, byte*, long, int> FromBlob;
    private static readonly delegate* unmanaged<nint, nint*, int> NewHandle;
    private static readonly delegate* unmanaged<nint, int> DeleteTensor;
    private static readonly delegate* unmanaged<nint, void**, int> DataPointer;
    private static readonly delegate* unmanaged<nint, long, long*, int> GetStride;
    private static readonly delegate* unmanaged<long, long, long, delegate* unmanaged<long, long, void*, void>, void*, int> ParallelForExport;

    static ATen()
    {
        (Library, Path) = LibTorchLibrary.Load();
        Dispatcher = (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)Export("torch_call_dispatcher");
        NewList = (delegate* unmanaged<nuint, nint*, int>)Export("torch_new_list_reserve_size");
        PushBack = (delegate* unmanaged<nint, ulong, int>)Export("torch_list_push_back");
        EmptyStrided = (delegate* unmanaged<long, long*, long*, int, int, int, nint*, int>)Export("aoti_torch_empty_strided");
        FromBlob = (delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int, byte*, long, int>)
            Export("aoti_torch_create_tensor_from_blob_v2");
        NewHandle = (delegate* unmanaged<nint, nint*, int>)Export("aoti_torch_new_tensor_handle");
        DeleteTensor = (delegate* unmanaged<nint, int>)Export("aoti_torch_delete_tensor_object");
        DataPointer = (delegate* unmanaged<nint, void**, int>)Export("aoti_torch_get_data_ptr");
        GetStride = (delegate* unmanaged<nint, long, long*, int>)Export("aoti_torch_get_stride");
        ParallelForExport = (delegate* unmanaged<long, long, long, delegate* unmanaged<long, long, void*, void>, void*, int>)
            Export("torch_parallel_for");
        Float32 = ((delegate* unmanaged<int>)Export("aoti_torch_dtype_float32"))();
        BFloat16 = ((delegate* unmanaged<int>)Export("aoti_torch_dtype_bfloat16"))();
        ((delegate* unmanaged<byte, void>)Export("aoti_torch_grad_mode_set_enabled"))(0);
        KeepFreedMemory();
    }

    /// <summary>File that was loaded.</summary>
    public static string Path { get; }

    /// <summary>Version of the loaded LibTorch, for example 2.10.0.</summary>
    public static string Version
    {
        get
        {
            ulong version = ((delegate* unmanaged<ulong>)Export("aoti_torch_abi_version"))();
            return $"{version >> 56}.{(version >> 48) & 0xff}.{(version >> 40) & 0xff}";
        }
    }

    /// <summary>ScalarType of fp32.</summary>
    public static int Float32 { get; }

    /// <summary>ScalarType of bf16.</summary>
    public static int BFloat16 { get; }

    /// <summary>A new uninitialised CPU tensor; strides in elements.</summary>
    public static nint Empty(int dtype, ReadOnlySpan<long> sizes, ReadOnlySpan<long> strides)
    {
        nint tensor;
        fixed (long* size = sizes, stride = strides)
        {
            Check(EmptyStrided(sizes.Length, size, stride, dtype, CpuDeviceType, AnyDeviceIndex, &tensor), "aoti_torch_empty_strided");
        }

        return tensor;
    }

    /// <summary>A tensor over memory that the caller keeps alive.</summary>
    public static nint Blob(void* data, int dtype, ReadOnlySpan<long> sizes, ReadOnlySpan<long> strides)
    {
        nint tensor;
        fixed (long* size = sizes, stride = strides)
        {
            Check(
                FromBlob(data, sizes.Length, size, stride, 0, dtype, CpuDeviceType, AnyDeviceIndex, &tensor, StridedLayout, null, 0),
                "aoti_torch_create_tensor_from_blob_v2");
        }

        return tensor;
    }

    /// <summary>Address of a tensor's first element.</summary>
    public static void* Data(nint tensor)
    {
        void* data;
        Check(DataPointer(tensor, &data), "aoti_torch_get_data_ptr");
        return data;
    }

    /// <summary>Stride of a dimension, in elements.</summary>
    public static long Stride(nint tensor, int dimension)
    {
        long stride;
        Check(GetStride(tensor, dimension, &stride), "aoti_torch_get_stride");
        return stride;
    }

    /// <summary>Frees a tensor handle; 0 is ignored.</summary>
    public static void Delete(nint tensor)
    {
        if (tensor != 0)
        {
            Check(DeleteTensor(tensor), "aoti_torch_delete_tensor_object");
        }
    }

    /// <summary>A stack slot for a tensor argument: the dispatcher consumes handles, so it gets a second one.</summary>
    public static ulong Argument(nint tensor)
    {
        nint duplicate;
        Check(NewHandle(tensor, &duplicate), "aoti_torch_new_tensor_handle");
        return (ulong)duplicate;
    }

    /// <summary>A stack slot for an int[] or bool[] argument.</summary>
    public static ulong List(params ReadOnlySpan<long> values)
    {
        nint list;
        Check(NewList((nuint)values.Length, &list), "torch_new_list_reserve_size");
        foreach (long value in values)
        {
            Check(PushBack(list, (ulong)value), "torch_list_push_back");
        }

        return (ulong)list;
    }

    /// <summary>Calls an operator: arguments in the first slots of <paramref name="stack"/>, results from slot 0 on.</summary>
    /// <param name="name">Zero-terminated operator name, for example <c>"aten::convolution"u8</c>.</param>
    /// <param name="stack">Stack of 64-bit slots; tensor arguments in it are consumed.</param>
    /// <exception cref="LibTorchException">The operator failed; LibTorch has printed why.</exception>
    public static void Call(ReadOnlySpan<byte> name, ulong* stack) => Call(name, "\0"u8, stack);

    /// <summary>Calls an overload of an operator, for example <c>"mul"</c> and <c>"Tensor"</c>; zero-terminated names.</summary>
    public static void Call(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, ulong* stack)
    {
        int result;
        fixed (byte* operation = name, variant = overload)
        {
            result = Dispatcher(operation, variant, stack, AbiVersion);
        }

        if (result != 0)
        {
            throw new LibTorchException(
                $"LibTorch's operator {System.Text.Encoding.UTF8.GetString(name.TrimEnd((byte)0))} failed with code {result}.");
        }
    }

    /// <summary>Runs body(begin, end, context) over ranges of [begin, end) on LibTorch's own threads.</summary>
    public static void ParallelFor(long begin, long end, delegate* unmanaged<long, long, void*, void> body, void* context) =>
        Check(ParallelForExport(begin, end, 1, body, context), "torch_parallel_for");

    /// <summary>Sets the threads of every later operator that this thread calls.</summary>
    public static void SetThreads(int threads)
    {
        // The OpenMP runtime that libtorch_cpu is linked with; its symbols are visible through the library's own handle.
        if (NativeLibrary.TryGetExport(Library, "omp_set_num_threads", out nint set))
        {
            ((delegate* unmanaged<int, void>)set)(threads);
        }
    }

    private static nint Export(string name) =>
        NativeLibrary.TryGetExport(Library, name, out nint address)
            ? address
            : throw new DllNotFoundException($"{Path} has no {name}: LibTorch 2.10 or newer is needed.");

    // A step frees and allocates the same hundreds of megabytes: without this glibc returns them to the system each time
    // and every page is cleared and mapped anew.
    private static void KeepFreedMemory()
    {
        const int trimThreshold = -1, maximalMappings = -4;
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libc.so.6", out nint c) &&
            NativeLibrary.TryGetExport(c, "mallopt", out nint mallopt))
        {
            var set = (delegate* unmanaged<int, int, int>)mallopt;
            _ = set(maximalMappings, 0);
            _ = set(trimThreshold, int.MaxValue);
        }
    }

    private static void Check(int result, string call)
    {
        if (result != 0)
        {
            throw new LibTorchException($"{call} failed with code {result}.");
        }
    }
}
