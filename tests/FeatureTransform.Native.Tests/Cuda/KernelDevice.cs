using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>A kind of device that tests run on.</summary>
public interface ITestDevice
{
    /// <summary>Opens one; skips the test with the reason where there is none.</summary>
    /// <param name="order">Where the device lets that be chosen: the number of a way in which it orders its work.</param>
    static abstract KernelDevice Open(int order = 0);
}

/// <summary>A device with the kernels, and memory for a test, which is freed with it.</summary>
/// <param name="context">Of the device.</param>
/// <param name="kernels">The kernels, loaded there.</param>
/// <param name="end">Is done last when it is disposed of.</param>
/// <param name="exact">
/// The device itself knows what lies outside an allocation and what was never written: no room round arrays, no poison.
/// </param>
public sealed class KernelDevice(CudaContext context, KernelLibrary kernels, Action? end = null, bool exact = false) : IDisposable
{
    private readonly List<DeviceMemory> memory = [];
    private readonly int guard = exact ? 0 : DeviceArray<byte>.Guard;

    public CudaContext Context => context;

    public KernelLibrary Kernels => kernels;

    public CudaStream Stream { get; } = new(context);

    /// <summary>An input of just that size.</summary>
    /// <param name="values">Its values.</param>
    /// <param name="offset">Elements before it, so that it is aligned to an element alone.</param>
    public DeviceArray<T> Upload<T>(ReadOnlySpan<T> values, int offset = 0)
        where T : unmanaged => Make(values.Length, offset * Unsafe.SizeOf<T>(), 0, values);

    /// <summary>An output: NaN or -1, with room round it that must stay as it is.</summary>
    public DeviceArray<T> Poisoned<T>(int count, int offset = 0)
        where T : unmanaged => Make<T>(count, guard + (offset * Unsafe.SizeOf<T>()), guard, []);

    /// <summary>An input that becomes an output, with room round it that must stay as it is.</summary>
    public DeviceArray<T> Guarded<T>(ReadOnlySpan<T> values)
        where T : unmanaged => Make(values.Length, guard, guard, values);

    public void Dispose()
    {
        foreach (DeviceMemory item in memory)
        {
            item.Dispose();
        }

        Stream.Dispose();
        kernels.Dispose();
        context.Dispose();
        end?.Invoke();
    }

    private DeviceArray<T> Make<T>(int count, int before, int behind, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var bytes = new DeviceMemory(context, before + ((long)count * Unsafe.SizeOf<T>()) + behind);
        memory.Add(bytes);
        if (!exact || before > guard)
        {
            bytes.Fill(DeviceArray<T>.Poison, Stream);
        }

        if (!values.IsEmpty)
        {
            bytes.Slice(before, bytes.Bytes - before).CopyFrom(values, Stream);
        }

        return new DeviceArray<T>(bytes, Stream, count, before);
    }
}

/// <summary>Device memory of a test.</summary>
public sealed class DeviceArray<T>(DeviceMemory memory, CudaStream stream, int count, int before)
    where T : unmanaged
{
    internal const byte Poison = 0xff;
    internal const int Guard = 256; // bytes, the alignment of an allocation

    /// <summary>Of its first element.</summary>
    public ulong Address => memory.Address + (ulong)before;

    /// <summary>Its values, after a look at the room round it.</summary>
    public T[] Read()
    {
        byte[] bytes = new byte[memory.Bytes];
        memory.CopyTo<byte>(bytes, stream);
        int end = before + (count * Unsafe.SizeOf<T>());
        Assert.False(bytes.AsSpan(0, before).ContainsAnyExcept(Poison), "something was written before the array");
        Assert.False(bytes.AsSpan(end).ContainsAnyExcept(Poison), "something was written behind the array");
        return MemoryMarshal.Cast<byte, T>(bytes.AsSpan(before, end - before)).ToArray();
    }
}
