using FeatureTransform.Benchmarks.Operators;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks.Device;

/// <summary>
/// A contrastive step on a CUDA device, real or emulated, and its kernels one by one; compared with the CPU before it is timed.
/// </summary>
internal sealed class DeviceStep : IDisposable
{
    private const float Tolerance = 0.02f;

    private readonly CudaStream stream;
    private readonly StepPlan plan;
    private readonly CudaContrastiveStep step;
    private readonly CudaStepBuffers buffers;
    private readonly DeviceMemory workspace, loss;
    private readonly List<DeviceMemory> memory = [];
    private readonly MixPositive mixPositive;
    private readonly MixQueue? mixQueue;
    private readonly InfoNce pass;
    private readonly InfoNceFinish finish;
    private readonly int n;

    /// <param name="options">Temperature and transformations.</param>
    /// <param name="shape">N, C and precision; K and the type of the queue are those of <paramref name="queue"/>.</param>
    /// <param name="queue">Negatives.</param>
    /// <param name="kernels">Compiled kernels.</param>
    /// <param name="stream">Where it runs.</param>
    public DeviceStep(FeatureTransformOptions options, CudaStepShape shape, FeatureQueue queue, KernelLibrary kernels, CudaStream stream)
    {
        this.stream = stream;
        n = shape.MaxN;
        plan = new StepPlan(options, shape, stream.Context.Device);
        workspace = Allocate(plan.Bytes);
        step = new CudaContrastiveStep(options, shape, stream.Context, kernels, workspace);
        step.SetState(ContrastiveCase.StepNumber, transform: true, position: 0, stream);
        using var host = new ContrastiveCase(options, n, queue, Environment.ProcessorCount);
        int features = n * shape.C * sizeof(float);
        (DeviceMemory q, DeviceMemory k, DeviceMemory rows) = (Allocate(features), Allocate(features), Allocate(queue.Bytes.Length));
        q.CopyFrom<float>(host.Q, stream);
        k.CopyFrom<float>(host.K, stream);
        rows.CopyFrom(queue.Bytes, stream);
        loss = Allocate(sizeof(float));
        buffers = new CudaStepBuffers
        {
            QRaw = q.Address,
            KRaw = k.Address,
            Queue = rows.Address,
            DqRaw = Allocate(features).Address,
            Keys = Allocate(features).Address,
            Loss = loss.Address,
            Statistics = Allocate(CudaStepBuffers.StatisticsArrays * n * sizeof(float)).Address,
        };
        mixPositive = new MixPositive(kernels, plan.Positives);
        pass = new InfoNce(kernels, plan.Pass);
        finish = new InfoNceFinish(kernels, plan.Positives, shape, plan.Pass);
        mixQueue = plan.Pass.Mixed is { } type ? new MixQueue(kernels, shape.Queue, type) : null;

        step.Run(buffers, n, stream);
        float[] result = new float[1];
        loss.CopyTo<float>(result, stream);
        float expected = host.Run();
        if (!(Math.Abs(result[0] - expected) <= Tolerance * expected))
        {
            throw new InvalidOperationException($"The loss is {result[0]}, on the CPU {expected}.");
        }
    }

    /// <summary>Whether the queue is mixed into memory before the pass.</summary>
    public bool MixesBefore => mixQueue is not null;

    /// <summary>All of it: from raw embeddings to loss, gradient and statistics, and the new queue.</summary>
    public void Run()
    {
        step.Run(buffers, n, stream);
        Enqueue();
    }

    /// <summary>Unit rows and the transformed positive pair.</summary>
    public void MixPositive() => mixPositive.Launch(stream, plan.MixPositiveArgs(workspace.Address, buffers, n));

    /// <summary>The mixing of the queue before the pass.</summary>
    public void MixQueue() => mixQueue!.Launch(stream, plan.MixQueueArgs(workspace.Address, buffers));

    /// <summary>The pass over the queue.</summary>
    public void Pass() => pass.Launch(stream, plan.InfoNceArgs(workspace.Address, buffers, n));

    /// <summary>From the pass to loss, gradient and statistics; only after <see cref="Pass"/>.</summary>
    public void Finish() => finish.Launch(stream, plan.FinishArgs(workspace.Address, buffers, n));

    /// <summary>The keys into the queue, and the state moved on.</summary>
    public void Enqueue() => step.Enqueue(buffers, n, stream);

    public void Dispose()
    {
        step.Dispose();
        memory.ForEach(part => part.Dispose());
    }

    private DeviceMemory Allocate(long bytes)
    {
        var part = new DeviceMemory(stream.Context, bytes);
        memory.Add(part);
        return part;
    }
}
