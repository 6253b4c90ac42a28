using System.Runtime.CompilerServices;
using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices;

/// <summary>A stream, and device memory that is freed at the end, for code that launches kernels by hand.</summary>
/// <param name="context">Where they live.</param>
internal sealed class DeviceBuffers(CudaContext context) : IDisposable
{
    private readonly List<DeviceMemory> all = [];

    public CudaContext Context => context;

    public CudaStream Stream { get; } = new(context);

    /// <summary>Memory with undefined contents; its address.</summary>
    public ulong Room(long bytes)
    {
        var memory = new DeviceMemory(context, bytes);
        all.Add(memory);
        return memory.Address;
    }

    /// <summary>Memory that holds values; its address.</summary>
    public ulong Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var memory = new DeviceMemory(context, (long)values.Length * Unsafe.SizeOf<T>());
        all.Add(memory);
        memory.CopyFrom(values, Stream);
        return memory.Address;
    }

    /// <summary>Memory that holds <see cref="Uniform"/> numbers; its address.</summary>
    public ulong Numbers(int count) => Upload<float>(Uniform(count, count));

    /// <summary>Copies values to the host, behind all that the stream was given.</summary>
    public T[] Read<T>(ulong address, int count)
        where T : unmanaged
    {
        using var memory = new DeviceMemory(context, address, (long)count * Unsafe.SizeOf<T>());
        var values = new T[count];
        memory.CopyTo<T>(values, Stream);
        return values;
    }

    /// <summary>Numbers of a fixed random order, uniform in -1..1.</summary>
    public static float[] Uniform(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (2 * random.NextSingle()) - 1)];
    }

    public void Dispose()
    {
        Stream.Dispose();
        all.ForEach(memory => memory.Dispose());
    }
}
