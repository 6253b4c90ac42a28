using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Benchmarks.Device;

/// <summary>
/// Times of the kernels on the machine's CUDA device, with PyTorch on the same device in the same run as their baseline where
/// python3 has it. The table is Markdown.
/// </summary>
internal static class DeviceFigures
{
    private const int C = 128, K = 65536, Repeats = 20, Device = 0;
    private static readonly int[] BatchSizes = [256, 1024, 4096];

    public static int Run()
    {
        if (!CudaDriver.TryLoad(out CudaDriver? driver, out string? reason))
        {
            Console.Error.WriteLine(reason);
            return 1;
        }

        using var context = new CudaContext(driver.Devices[Device]);
        using KernelLibrary kernels = CudaContrastiveStep.LoadKernels(context, Console.Error.WriteLine);
        using var stream = new CudaStream(context);
        using CudaContextScope scope = context.MakeCurrent();
        var timer = new DeviceTimer(stream);
        Console.WriteLine($"{context.Device}; CUDA {driver.VersionText}; K {K}, C {C}; median device times\n");
        using (var memory = new MemoryFigures(kernels, stream, timer))
        {
            memory.Print();
        }

        PrintSteps(kernels, stream, timer);
        return 0;
    }

    private static void PrintSteps(KernelLibrary kernels, CudaStream stream, DeviceTimer timer)
    {
        // As much as pushes everything out of the second-level cache.
        using var flush = new DeviceMemory(stream.Context, 4L * Math.Max(stream.Context.Device.L2Bytes, 1 << 26));
        Console.WriteLine(
            "| N | step | precision | whole step us | after a flushed L2 us | mix_positive us | mix_queue us | pass us | pass TFLOP/s | finish us | enqueue us |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|");
        var batch = new FeatureTransformOptions();
        foreach (int n in BatchSizes)
        {
            foreach ((string name, FeatureTransformOptions options, ElementType type, CudaPrecision precision) in new[]
            {
                ("plain", batch with { Positive = PositiveTransform.None, Negative = NegativeTransform.None }, ElementType.BFloat16, CudaPrecision.BFloat16),
                ("batch scope", batch, ElementType.BFloat16, CudaPrecision.BFloat16),
                ("batch scope, fp32 queue", batch, ElementType.Float32, CudaPrecision.BFloat16),
                ("row scope", batch with { NegativeScope = LambdaScope.Row }, ElementType.BFloat16, CudaPrecision.BFloat16),
                ("element scope", batch with { NegativeScope = LambdaScope.Element }, ElementType.BFloat16, CudaPrecision.BFloat16),
                ("batch scope, fp32 queue", batch, ElementType.Float32, CudaPrecision.TensorFloat32),
                ("batch scope, fp32 queue", batch, ElementType.Float32, CudaPrecision.Float32),
            })
            {
                var shape = new CudaStepShape(n, C, K) { Queue = type, Precision = precision };
                using var step = new DeviceStep(options, shape, Queue(type), kernels, stream);
                double whole = timer.Warm(Repeats, step.Run), cold = timer.After(() => flush.Fill(0, stream), step.Run);
                double pass = timer.Warm(Repeats, step.Pass), finish = timer.Warm(Repeats, () => { step.Pass(); step.Finish(); }) - pass;
                string mixed = step.MixesBefore ? Text(timer.Warm(Repeats, step.MixQueue)) : "";
                Console.WriteLine(
                    $"| {n} | {name} | {precision} | {Text(whole)} | {Text(cold)} | {Text(timer.Warm(Repeats, step.MixPositive))} | {mixed} | " +
                    $"{Text(pass)} | {Text(4.0 * n * K * C / pass / 1e6)} | {Text(finish)} | {Text(timer.Warm(Repeats, step.Enqueue))} |");
            }
        }

        Console.WriteLine("\n| N | PyTorch, operator by operator | us |\n|---|---|---|");
        foreach (string[] line in TorchSteps.Measure(K, C, BatchSizes))
        {
            Console.WriteLine($"| {line[0]} | {line[1]} | {Text(double.Parse(line[2], CultureInfo.InvariantCulture))} |");
        }
    }

    private static FeatureQueue Queue(ElementType type)
    {
        var rows = new FeatureQueue(K, C);
        rows.Initialize(1);
        if (type == ElementType.Float32)
        {
            return rows;
        }

        var queue = new FeatureQueue(K, C, type);
        queue.Enqueue(rows.Float32);
        return queue;
    }

    private static string Text(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
