using System.Buffers;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;
using FeatureTransform.Training.Tests.Devices.Cuda;
using FeatureTransform.Training.Tests.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>
/// MoCo v2 with feature transformation on the CUDA device, step by step beside the CPU, whose steps PyTorch judges. Small, as an
/// emulator executes it: each test ends without a finding and without a leak.
/// </summary>
public abstract class CudaTrainingTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Ten_steps_have_the_losses_of_the_CPU(int groups)
    {
        PretrainOptions options = TinyMoCo.Options(groups);
        using var cpu = new CpuDevice(ElementType.Float32, 2);
        using LayerBench cuda = TDevice.Open(CudaPrecision.Float32);
        using var expected = new MoCo(cpu, options);
        using var given = new MoCo(cuda.Device, options);
        int steps = groups == 1 ? 10 : 2;
        for (int step = 0; step < steps; step++)
        {
            float loss = TinyMoCo.Step(expected, step), cudaLoss = TinyMoCo.Step(given, step);
            Assert.True(Math.Abs(loss - cudaLoss) <= 1e-4f, $"step {step}: {cudaLoss:G9}, the CPU has {loss:G9}");
        }

        AssertClose("query", Values(expected.Query.Store), Values(given.Query.Store), 1e-4);
        AssertClose("key", Values(expected.Key.Store), Values(given.Key.Store), 1e-4);
        Assert.Equal(expected.ReadQueue().Position, given.ReadQueue().Position);
        AssertClose("queue", expected.ReadQueue().Float32.ToArray(), given.ReadQueue().Float32.ToArray(), 1e-3);
        Assert.Equal(0, cuda.Device.Arena.Used);
    }

    [Fact]
    public void A_step_whose_loss_is_not_finite_changes_neither_parameters_nor_queue()
    {
        PretrainOptions options = TinyMoCo.TiledOptions(1);
        using var cpu = new CpuDevice(ElementType.Float32, 2);
        using LayerBench cuda = TDevice.Open(CudaPrecision.BFloat16);
        foreach (IDevice device in new IDevice[] { cpu, cuda.Device })
        {
            using var moco = new MoCo(device, options);
            _ = TinyMoCo.Step(moco, 0);
            float[] before = State(moco), view = TinyMoCo.View(1, 1);
            view[100] = float.NaN;
            Assert.True(float.IsNaN(moco.StepAndRead(TinyMoCo.Batch(view, TinyMoCo.View(1, 2)), 1, transform: true, learningRate: 0.001f)));
            Assert.Equal(before, State(moco));
        }

        // Weights and momentum of the query encoder, and the queue.
        static float[] State(MoCo moco)
        {
            ParameterStore store = moco.Query.Store;
            FeatureQueue queue = moco.ReadQueue();
            return
            [
                queue.Position, .. queue.Float32, .. store.Layout.Trained.SelectMany(parameter => Read(parameter, (p, values) => store.Read(p, values))),
                .. store.Layout.Trained.SelectMany(parameter => Read(parameter, (p, values) => store.ReadMomentum(p, values))),
            ];
        }
    }

    [Fact]
    public void A_checkpoint_goes_on_on_either_device()
    {
        PretrainOptions options = TinyMoCo.Options(1);
        using var folder = new TemporaryFolder();
        using var cpu = new CpuDevice(ElementType.Float32, 2);
        using LayerBench cuda = TDevice.Open(CudaPrecision.Float32);
        string fromCpu = Path.Combine(folder.Path, "cpu"), fromCuda = Path.Combine(folder.Path, "cuda");
        const int half = 1;
        float[] whole, wholeCuda;
        using (var moco = new MoCo(cpu, options))
        using (var cudaMoco = new MoCo(cuda.Device, options))
        {
            _ = (Steps(moco, 0, half), Steps(cudaMoco, 0, half));
            Save(fromCpu, moco, options, half);
            Save(fromCuda, cudaMoco, options, half);
            (whole, wholeCuda) = (Steps(moco, half, half), Steps(cudaMoco, half, half));
        }

        // On its own device to the bit, on the other within rounding.
        Assert.Equal(wholeCuda, Continue(cuda.Device, fromCuda));
        Assert.Equal(whole, Continue(cpu, fromCpu));
        AssertClose("begun on the CPU", whole, Continue(cuda.Device, fromCpu), 1e-4);
        AssertClose("begun on CUDA", whole, Continue(cpu, fromCuda), 1e-4);

        float[] Continue(IDevice device, string path)
        {
            using var moco = new MoCo(device, options);
            using Checkpoint checkpoint = Checkpoint.Open(path);
            FeatureQueue queue = moco.ReadQueue();
            checkpoint.Restore(moco.Query.Store, moco.Key.Store, queue);
            moco.WriteQueue(queue);
            return Steps(moco, half, half);
        }

        // The losses, and the queue that they leave.
        static float[] Steps(MoCo moco, int first, int count)
        {
            float[] losses = [.. Enumerable.Range(first, count).Select(step => TinyMoCo.Step(moco, step))];
            FeatureQueue queue = moco.ReadQueue();
            return [.. losses, queue.Position, .. queue.Float32];
        }
    }

    /// <summary>No farther from fp32 than three times what the CPU's own bf16 is, over some steps.</summary>
    [Fact]
    public void Half_precision_is_as_near_to_single_as_on_the_CPU()
    {
        PretrainOptions options = TinyMoCo.TiledOptions(1);
        using var single = new CpuDevice(ElementType.Float32, 2);
        using var half = new CpuDevice(ElementType.BFloat16, 2);
        using LayerBench cuda = TDevice.Open(CudaPrecision.BFloat16);
        using var expected = new MoCo(single, options);
        using var plain = new MoCo(half, options);
        using var given = new MoCo(cuda.Device, options);
        (double ours, double theirs) = (0, 0);
        for (int step = 0; step < 6; step++)
        {
            float loss = TinyMoCo.Step(expected, step), cpuLoss = TinyMoCo.Step(plain, step), cudaLoss = TinyMoCo.Step(given, step);
            ours += Math.Pow(cudaLoss - loss, 2);
            theirs += Math.Pow(cpuLoss - loss, 2);
        }

        Assert.True(ours <= 9 * theirs, $"{Math.Sqrt(ours):E2} from fp32, the CPU's bf16 {Math.Sqrt(theirs):E2}");
    }

    private static void Save(string path, MoCo moco, PretrainOptions options, long step) => Checkpoint.Save(
        path, new CheckpointState(moco.Query.Store, moco.Key.Store, moco.ReadQueue(), options, step, 0, new double[6]));

    internal static float[] Values(ParameterStore store) =>
        [.. store.Layout.Trained.Concat(store.Layout.Buffers).SelectMany(parameter => Read(parameter, (p, values) => store.Read(p, values)))];

    private static float[] Read(Parameter parameter, Action<Parameter, float[]> read)
    {
        var values = new float[parameter.Count];
        read(parameter, values);
        return values;
    }

    // In norm.
    private static void AssertClose(string what, float[] expected, float[] given, double bound)
    {
        double difference = Math.Sqrt(expected.Zip(given, (a, b) => ((double)a - b) * (a - b)).Sum());
        double norm = Math.Sqrt(expected.Sum(x => (double)x * x));
        Assert.True(difference <= bound * norm, $"{what} differs by {difference / norm:E2} in norm");
    }
}

public sealed class CudaTrainingOnEmulator : CudaTrainingTests<OnEmulatedCuda>;

public sealed class CudaTrainingOnGpu : CudaTrainingTests<OnRealCuda>;

/// <summary>The memory of steps, which an emulator counts.</summary>
public sealed class CudaTrainingMemoryTests
{
    [Fact]
    public void A_step_takes_the_memory_of_its_plan_and_later_ones_no_more()
    {
        PretrainOptions options = TinyMoCo.TiledOptions(2);
        using var cuda = new EmulatedCuda(CudaPrecision.BFloat16, separate: false);
        MemoryPlan plan = MemoryPlan.Of(options, CudaPrecision.BFloat16);
        cuda.Device.Reserve(options);
        Assert.Equal(plan.Activations, cuda.Device.Arena.Capacity);
        using var moco = new MoCo(cuda.Device, options);
        long parameters = ((CudaParameterStore)moco.Query.Store).Bytes + ((CudaParameterStore)moco.Key.Store).Bytes;
        _ = TinyMoCo.Step(moco, 0);
        _ = TinyMoCo.Step(moco, 1);
        int allocations = cuda.Emulator.Calls["cuMemAlloc_v2"];
        float loss = TinyMoCo.Step(moco, 2);
        Assert.True(float.IsFinite(loss));
        Assert.Equal(allocations, cuda.Emulator.Calls["cuMemAlloc_v2"]);
        Assert.Equal(plan.Activations, cuda.Device.Arena.Capacity);

        // The plan adds the untrained encoder, and leaves out the optimiser's tables.
        long untrained = ((CudaParameterStore)moco.Key.Store).Bytes;
        Assert.InRange(parameters + untrained - plan.Parameters, 1, 1 << 16);
    }
}

/// <summary>Steps that are small enough for an emulator.</summary>
internal static class TinyMoCo
{
    public const int N = 16, Size = 8;

    /// <summary>A queue whose end lies inside of a batch.</summary>
    public static PretrainOptions Options(int groups) => Options(groups, embeddingSize: 32, queueSize: 40);

    /// <summary>Sizes whose pass over bf16 is checked in as PTX: no NVRTC is needed.</summary>
    public static PretrainOptions TiledOptions(int groups) => Options(groups, embeddingSize: 128, queueSize: 64);

    private static PretrainOptions Options(int groups, int embeddingSize, int queueSize) => new()
    {
        Data = new DataOptions { ImageSize = Size },
        Model = new ModelOptions { Width = 0.25f, EmbeddingSize = embeddingSize },
        Method = new MethodOptions { QueueSize = queueSize, BatchNormGroups = groups },
        Optimizer = new OptimizerOptions { BatchSize = N },
    };

    // The transformation begins with the second step.
    public static float Step(MoCo moco, int step) =>
        moco.StepAndRead(Batch(View(step, 1), View(step, 2)), (uint)step, transform: step >= 1, learningRate: 0.001f);

    public static ViewBatch Batch(float[] view1, float[] view2) => Methods.Views.Of(N, Size, view1, view2);

    /// <summary>Images whose views a device makes.</summary>
    public static ImageBatch Images(PretrainOptions options, uint step) => Fill(new ImageBatch(N, MemoryPool<byte>.Shared), options, step);

    /// <summary>The views of the same images, which the CPU makes.</summary>
    public static ViewBatch Views(PretrainOptions options, uint step) => Fill(new ViewBatch(N, Size), options, step);

    /// <summary>Images in several sizes, and larger from the fourth step on.</summary>
    public static TBatch Fill<TBatch>(TBatch batch, PretrainOptions options, uint step)
        where TBatch : PairBatch
    {
        var augmenter = new Augmenter(AugmentationRecipe.Named(options.Data.Augmentation, Size), Size, options.Run.Seed);
        for (int i = 0; i < N; i++)
        {
            batch.Indices[i] = (int)(step * N) + i;
            (int width, int height) = (9 + (i % 3) + (step < 3 ? 0 : 4), 8 + (i % 2));
            var pixels = new byte[width * height * 3];
            new Random(batch.Indices[i]).NextBytes(pixels);
            batch.Add(augmenter, new RgbImage(pixels, width, height, 0), i);
        }

        return batch;
    }

    // An image and another look at it.
    public static float[] View(int step, uint view) =>
        [.. Enumerable.Range(0, N * Size * Size * 3).Select(i => Uniform((uint)step, 1, i) + (0.5f * Uniform((uint)step, view + 1, i)))];

    private static float Uniform(uint step, uint draw, int i) =>
        (Philox.Element(41, (draw * 100) + step, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1;
}
