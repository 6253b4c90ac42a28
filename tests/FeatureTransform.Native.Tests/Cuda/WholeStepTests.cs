using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// Steps of a model whose embeddings are its weights: loss and gradient, SGD of the queries, EMA of the keys, the queue; launched one
/// by one and as a captured graph, beside the same on the CPU.
/// </summary>
public abstract class WholeStepTests<TDevice>
    where TDevice : ITestDevice
{
    private const int N = 12, C = 20, K = 72, Steps = 3;
    private const float Rate = 0.5f, Momentum = 0.9f, Decay = 0.01f, M = 0.9f;

    private static readonly FeatureTransformOptions Options = new() { Tau = 0.1f, Seed = 5 };

    [Fact]
    public void Three_steps_equal_those_of_the_CPU_launched_or_replayed()
    {
        Result cpu = OnCpu(), launched = OnDevice(graph: false), replayed = OnDevice(graph: true);
        Accuracy.SameBits("losses", launched.Losses, replayed.Losses);
        Accuracy.SameBits("queries", launched.Queries, replayed.Queries);
        Accuracy.SameBits("keys", launched.Keys, replayed.Keys);
        Accuracy.SameBits("queue", launched.Queue, replayed.Queue);
        AssertClose("losses", cpu.Losses, launched.Losses);
        AssertClose("queries", cpu.Queries, launched.Queries);
        AssertClose("keys", cpu.Keys, launched.Keys);
        AssertClose("queue", cpu.Queue, launched.Queue);
        Assert.NotEqual(cpu.Losses[0], cpu.Losses[^1]);
    }

    // fp32 in another order of sums, through three updates.
    private static void AssertClose(string what, float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-5 * Math.Max(1, Math.Abs(expected[i])), $"{what}[{i}]: {actual[i]:R}, on the CPU {expected[i]:R}");
        }
    }

    private static Result OnCpu()
    {
        FeatureQueue queue = Negatives();
        float[] q = Inputs.Uniform(N * C, 1), k = Inputs.Uniform(N * C, 2), velocity = new float[N * C], losses = new float[Steps];
        var (dq, keys, statistics) = (new float[N * C], new float[N * C], new RowStatistics(N));
        using var step = new ContrastiveStep(Options, N, C);
        for (uint i = 0; i < Steps; i++)
        {
            losses[i] = step.Run(q, k, queue, i, transform: true, dq, keys, statistics);
            queue.Enqueue(keys);
            for (int j = 0; j < q.Length; j++)
            {
                velocity[j] = (Momentum * velocity[j]) + dq[j] + (Decay * q[j]);
                q[j] -= Rate * velocity[j];
                k[j] = (M * k[j]) + ((1 - M) * q[j]);
            }
        }

        return new Result(losses, q, k, queue.Float32.ToArray());
    }

    private static Result OnDevice(bool graph)
    {
        using KernelDevice device = TDevice.Open();
        CudaStream stream = device.Stream;
        var shape = new CudaStepShape(N, C, K) { Precision = CudaPrecision.Float32 };
        using var step = new CudaContrastiveStep(Options, shape, device.Context, device.Kernels);
        var (sgd, ema) = (new Sgd(device.Kernels, ElementType.Float32), new Ema(device.Kernels, ElementType.Float32));
        var table = new ParameterTable();
        table.Add(0, N * C, ParameterFlags.Decay);
        DeviceArray<float> q = device.Guarded<float>(Inputs.Uniform(N * C, 1)), k = device.Guarded<float>(Inputs.Uniform(N * C, 2));
        DeviceArray<float> queue = device.Guarded<float>(Negatives().Float32), loss = device.Poisoned<float>(1);
        var buffers = new CudaStepBuffers
        {
            QRaw = q.Address,
            KRaw = k.Address,
            Queue = queue.Address,
            DqRaw = device.Poisoned<float>(N * C).Address,
            Keys = device.Poisoned<float>(N * C).Address,
            Loss = loss.Address,
            Statistics = device.Poisoned<float>(7 * N).Address,
        };
        var update = new SgdArgs
        {
            Arrays = new ParameterArrays
            {
                Chunks = device.Upload(table.Chunks).Address,
                Segments = device.Upload(table.Segments).Address,
                Weights = q.Address,
                Gradient = buffers.DqRaw,
                Velocity = device.Guarded<float>(new float[N * C]).Address,
                LearningRate = device.Upload<float>([Rate]).Address,
                Loss = loss.Address,
            },
            Momentum = Momentum,
            Decay = Decay,
        };
        void Record()
        {
            step.Run(buffers, N, stream);
            sgd.Launch(stream, table.Chunks.Length, update);
            ema.Launch(stream, new EmaArgs { Target = k.Address, Source = q.Address, Count = N * C, M = M, Rest = 1 - M });
            step.Enqueue(buffers, N, stream);
        }

        CudaGraphExec? exec = null;
        if (graph)
        {
            stream.BeginCapture();
            Record();
            using CudaGraph recorded = stream.EndCapture();
            exec = recorded.Instantiate();
        }

        step.SetState(0, transform: true, position: 0, stream);
        float[] losses = new float[Steps];
        for (int i = 0; i < Steps; i++)
        {
            if (exec is null)
            {
                Record();
            }
            else
            {
                exec.Launch(stream);
            }

            losses[i] = loss.Read()[0];
        }

        exec?.Dispose();
        return new Result(losses, q.Read(), k.Read(), queue.Read());
    }

    private static FeatureQueue Negatives()
    {
        var queue = new FeatureQueue(K, C);
        queue.Initialize(3);
        return queue;
    }

    private sealed record Result(float[] Losses, float[] Queries, float[] Keys, float[] Queue);
}

public sealed class WholeStepOnEmulator : WholeStepTests<OnEmulator>;

public sealed class WholeStepOnGpu : WholeStepTests<OnGpu>;
