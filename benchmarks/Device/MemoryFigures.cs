using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Benchmarks.Device;

/// <summary>Kernels that only move memory, beside a copy by the driver of as many bytes.</summary>
internal sealed class MemoryFigures : IDisposable
{
    private const int Repeats = 10;
    private const long Parameters = 4L * 8_000_000; // more than a second-level cache holds

    private readonly CudaStream stream;
    private readonly DeviceTimer timer;
    private readonly DeviceMemory weights, gradient, velocity, copy, scalars, chunks, segments;
    private readonly ParameterTable table = new();
    private readonly Ema ema;
    private readonly Sgd sgd;

    public MemoryFigures(KernelLibrary kernels, CudaStream stream, DeviceTimer timer)
    {
        (this.stream, this.timer) = (stream, timer);
        (ema, sgd) = (new Ema(kernels, ElementType.Float32), new Sgd(kernels, ElementType.Float32));
        (weights, gradient, velocity) = (Zeros(Parameters * sizeof(float)), Zeros(Parameters * sizeof(float)), Zeros(Parameters * sizeof(float)));
        (copy, scalars) = (Zeros(Parameters * sizeof(ushort)), Zeros(2 * sizeof(float)));
        table.Add(0, Parameters, ParameterFlags.Decay);
        chunks = Upload(table.Chunks);
        segments = Upload(table.Segments);
    }

    public void Print()
    {
        Console.WriteLine($"{Parameters} parameters\n\n| kernel | us | GB/s |\n|---|---|---|");
        Row("copy by the driver, fp32", 2 * sizeof(float), () => velocity.CopyFrom(weights, stream));
        Row("ema, with its bf16 copy", (3 * sizeof(float)) + sizeof(ushort), () => ema.Launch(stream, new EmaArgs
        {
            Target = weights.Address,
            Source = gradient.Address,
            TargetBf16 = copy.Address,
            Count = (ulong)Parameters,
            M = 0.999f,
            Rest = 0.001f,
        }));
        Row("sgd, with its bf16 copy", (5 * sizeof(float)) + sizeof(ushort), () => sgd.Launch(stream, table.Chunks.Length, new SgdArgs
        {
            Arrays = new ParameterArrays
            {
                Chunks = chunks.Address,
                Segments = segments.Address,
                Weights = weights.Address,
                Gradient = gradient.Address,
                Velocity = velocity.Address,
                WeightsBf16 = copy.Address,
                LearningRate = scalars.Address,
                Loss = scalars.Address + sizeof(float),
            },
            Momentum = 0.9f,
            Decay = 1e-4f,
        }));
        Console.WriteLine();
    }

    public void Dispose()
    {
        foreach (DeviceMemory memory in new[] { weights, gradient, velocity, copy, scalars, chunks, segments })
        {
            memory.Dispose();
        }
    }

    private void Row(string name, int bytes, Action work)
    {
        double microseconds = timer.Warm(Repeats, work);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"| {name} | {microseconds:F1} | {Parameters * bytes / microseconds / 1e3:F0} |"));
    }

    private DeviceMemory Zeros(long bytes)
    {
        var memory = new DeviceMemory(stream.Context, bytes);
        memory.Fill(0, stream);
        return memory;
    }

    private DeviceMemory Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        var memory = new DeviceMemory(stream.Context, values.Length * System.Runtime.CompilerServices.Unsafe.SizeOf<T>());
        memory.CopyFrom(values, stream);
        return memory;
    }
}
