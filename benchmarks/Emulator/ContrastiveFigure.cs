using FeatureTransform.Benchmarks.Operators;
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
    private const float Tolerance = 0.02f;

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
        var plan = new StepPlan(options, shape, context.Device);
        using var workspace = new DeviceMemory(context, plan.Bytes);
        using var step = new CudaContrastiveStep(options, shape, context, kernels, workspace);
        step.SetState(ContrastiveCase.StepNumber, transform: true, position: 0, stream);

        using var host = new ContrastiveCase(options, N, queue, threads: 1);
        using var q = new DeviceMemory(context, N * C * sizeof(float));
        using var k = new DeviceMemory(context, N * C * sizeof(float));
        using var rows = new DeviceMemory(context, queue.Bytes.Length);
        using var gradient = new DeviceMemory(context, N * C * sizeof(float));
        using var keys = new DeviceMemory(context, N * C * sizeof(float));
        using var loss = new DeviceMemory(context, sizeof(float));
        using var statistics = new DeviceMemory(context, 7 * N * sizeof(float));
        q.CopyFrom<float>(host.Q, stream);
        k.CopyFrom<float>(host.K, stream);
        rows.CopyFrom(queue.Bytes, stream);
        var buffers = new CudaStepBuffers
        {
            QRaw = q.Address,
            KRaw = k.Address,
            Queue = rows.Address,
            DqRaw = gradient.Address,
            Keys = keys.Address,
            Loss = loss.Address,
            Statistics = statistics.Address,
        };

        step.Run(buffers, N, stream);
        float[] result = new float[1];
        loss.CopyTo<float>(result, stream);
        float expected = host.Run();
        if (!(Math.Abs(result[0] - expected) <= Tolerance * expected))
        {
            throw new InvalidOperationException(
                $"The loss is {result[0]}, on the CPU {expected}. {string.Join("\n", emulator.Findings)}");
        }

        var pass = new InfoNce(kernels, plan.Pass);
        using CudaContextScope scope = context.MakeCurrent();
        double seconds = EmulatorFigures.Best(() => pass.Launch(stream, plan.InfoNceArgs(workspace.Address, buffers, N)));
        return emulator.Findings.Count == 0 ? seconds : throw new InvalidOperationException(string.Join("\n", emulator.Findings));
    }
}
