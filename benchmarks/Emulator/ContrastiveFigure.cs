using FeatureTransform.Benchmarks.Device;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using EmulatedDriver = FeatureTransform.Cuda.Emulator.Emulator;

namespace FeatureTransform.Benchmarks.Emulator;

/// <summary>The pass over the queue on the emulated device, compared with the CPU before it is timed.</summary>
internal sealed class ContrastiveFigure
{
    private const int N = 256, C = 128, K = 4096;

    private readonly FeatureQueue queue = new(K, C, ElementType.BFloat16);

    public ContrastiveFigure()
    {
        var rows = new FeatureQueue(K, C);
        rows.Initialize(1);
        queue.Enqueue(rows.Float32);
    }

    /// <summary>Processor seconds of the pass on tensor cores and without, plain and with transformations.</summary>
    public IEnumerable<(string Name, double Seconds)> Measure()
    {
        var mixed = new FeatureTransformOptions();
        FeatureTransformOptions plain = mixed with { Positive = PositiveTransform.None, Negative = NegativeTransform.None };
        yield return ("bf16, all checks", Measure(plain, CudaPrecision.BFloat16, Checks.All));
        yield return ("bf16, no checks", Measure(plain, CudaPrecision.BFloat16, Checks.None));
        yield return ("bf16, mixed, all checks", Measure(mixed, CudaPrecision.BFloat16, Checks.All));
        yield return ("fp32, all checks", Measure(plain, CudaPrecision.Float32, Checks.All));
    }

    private double Measure(FeatureTransformOptions options, CudaPrecision precision, Checks checks)
    {
        var shape = new CudaStepShape(N, C, K) { Queue = queue.Type, Precision = precision };
        using var emulator = new EmulatedDriver(
            new EmulatorOptions { Device = DeviceProfile.A100, Checks = checks, Streams = StreamTime.AtOnce });
        using var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        using KernelLibrary kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true);
        using var stream = new CudaStream(context);
        using var step = new DeviceStep(options, shape, queue, kernels, stream);
        using CudaContextScope scope = context.MakeCurrent();
        double seconds = EmulatorFigures.Best(step.Pass);
        return emulator.Findings.Count == 0 ? seconds : throw new InvalidOperationException(string.Join("\n", emulator.Findings));
    }
}
