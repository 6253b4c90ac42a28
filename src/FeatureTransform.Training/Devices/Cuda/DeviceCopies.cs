using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Copies between host memory and device addresses, in the order of a stream, without an object for each address.</summary>
internal static unsafe class DeviceCopies
{
    /// <summary>The source may be changed as soon as this returns; the copy itself may come later.</summary>
    public static void Upload<T>(CudaStream stream, ReadOnlySpan<T> source, ulong target)
        where T : unmanaged
    {
        using CudaContextScope scope = stream.Context.MakeCurrent();
        DriverApi api = stream.Context.Device.Driver.Api;
        fixed (T* from = source)
        {
            stream.Context.Device.Driver.ThrowIfFailed(
                api.cuMemcpyHtoDAsync_v2(target, from, (nuint)source.Length * (nuint)sizeof(T), stream.Handle));
        }
    }

    /// <summary>Copies the first bytes of a buffer, which must stay as it is until the stream has done so.</summary>
    public static void Upload(CudaStream stream, PinnedMemory source, ulong target, long bytes)
    {
        using CudaContextScope scope = stream.Context.MakeCurrent();
        stream.Context.Device.Driver.ThrowIfFailed(
            stream.Context.Device.Driver.Api.cuMemcpyHtoDAsync_v2(target, (void*)source.Handle, (nuint)bytes, stream.Handle));
        GC.KeepAlive(source);
    }

    /// <summary>Blocks until all that the stream was given is done, and the destination is filled.</summary>
    public static void Download<T>(CudaStream stream, ulong source, Span<T> destination)
        where T : unmanaged
    {
        using CudaContextScope scope = stream.Context.MakeCurrent();
        DriverApi api = stream.Context.Device.Driver.Api;
        fixed (T* to = destination)
        {
            stream.Context.Device.Driver.ThrowIfFailed(
                api.cuMemcpyDtoHAsync_v2(to, source, (nuint)destination.Length * (nuint)sizeof(T), stream.Handle));
            stream.Synchronize();
        }
    }

    /// <summary>Copies within device memory. Does not block.</summary>
    public static void Copy(CudaStream stream, ulong source, ulong target, long bytes)
    {
        using CudaContextScope scope = stream.Context.MakeCurrent();
        stream.Context.Device.Driver.ThrowIfFailed(
            stream.Context.Device.Driver.Api.cuMemcpyDtoDAsync_v2(target, source, (nuint)bytes, stream.Handle));
    }

    /// <summary>Sets bytes to zero.</summary>
    public static void Clear(CudaStream stream, ulong target, long bytes)
    {
        using CudaContextScope scope = stream.Context.MakeCurrent();
        stream.Context.Device.Driver.ThrowIfFailed(
            stream.Context.Device.Driver.Api.cuMemsetD8Async(target, 0, (nuint)bytes, stream.Handle));
    }
}
