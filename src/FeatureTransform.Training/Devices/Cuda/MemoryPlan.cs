using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Device memory of a run, found by a step over shapes alone; in bytes. CUDA's own context and code come on top.
/// </summary>
/// <param name="Activations">Activations and their gradients: the arena's peak in a step.</param>
/// <param name="Parameters">Weights, gradients, momentum and copies of both encoders, and of the untrained one that k-NN compares with.</param>
/// <param name="Workspace">The most that the libraries' algorithms may ask for.</param>
/// <param name="Queue">The queue, and what the contrastive step needs.</param>
/// <param name="Images">A batch of 8-bit images, and the next one, where they are as large as the views; larger ones come on top.</param>
internal sealed record MemoryPlan(long Activations, long Parameters, long Workspace, long Queue, long Images)
{
    // Of an A100; the step's partial results grow with the multiprocessors.
    private const int Multiprocessors = 108, SharedBytes = 163 << 10;

    /// <summary>The graphs of a step, each once, for cuDNN to plan.</summary>
    public IReadOnlyCollection<OperationGraph> Graphs { get; init; } = [];

    public long Total => Activations + Parameters + Workspace + Queue + Images;

    /// <summary>The plan of a run on a CUDA device of some precision.</summary>
    public static MemoryPlan Of(PretrainOptions options, CudaPrecision precision)
    {
        (int n, int size, int groups) = (options.Optimizer.BatchSize, options.Data.ImageSize, options.Method.BatchNormGroups);
        using var device = new ShapeDevice(precision);
        using var query = new Encoder(device, options.Model, trained: true);
        using var key = new Encoder(device, options.Model, trained: false);
        using var untrained = new Encoder(device, options.Model, trained: false);

        // The tensors of MoCo's step, in its order.
        using IViews views = device.CreateViews(options);
        Tensor k = key.Forward(views.Get(1), new ForwardMode(true, false, groups));
        if (groups > 1)
        {
            Tensor ordered = views.InBatchOrder(k);
            device.Free(k);
            k = ordered;
        }

        _ = query.Forward(views.Get(0), new ForwardMode(true, true, groups));
        Tensor dq = device.Upload([], n, options.Model.EmbeddingSize);
        device.Free(k);
        query.Backward(dq);
        long images = 2 * CudaViews.ImageBytes(n, (long)size * size);
        return new MemoryPlan(device.Peak, device.ParameterBytes, CudaDevice.WorkspaceLimit, QueueBytes(options, precision), images)
        {
            Graphs = device.Graphs,
        };
    }

    /// <summary>
    /// The memory of a run in a sentence or, where it does not fit, one that says what would.
    /// </summary>
    /// <exception cref="InvalidInputException">It is more than <paramref name="free"/>.</exception>
    public static MemoryPlan Require(PretrainOptions options, CudaPrecision precision, long free, string device)
    {
        MemoryPlan plan = Of(options, precision);
        if (plan.Total <= free)
        {
            return plan;
        }

        int groups = options.Method.BatchNormGroups;
        string advice = "choose a smaller encoder, smaller images or a smaller queue";
        for (int batch = options.Optimizer.BatchSize / 2; batch >= 2 * groups; batch /= 2)
        {
            int whole = batch / groups * groups;
            MemoryPlan smaller = Of(options with { Optimizer = options.Optimizer with { BatchSize = whole } }, precision);
            if (smaller.Total <= free)
            {
                advice = $"--batch {whole} fits with {Size(smaller.Total)}";
                break;
            }
        }

        throw new InvalidInputException(
            $"The run needs {plan.Describe()} of device memory, and {device} has {Size(free)} free: {advice}.");
    }

    /// <summary>Total and parts, in GB.</summary>
    public string Describe() =>
        $"{Size(Total)} (activations {Size(Activations)}, parameters {Size(Parameters)}, workspace {Size(Workspace)}, queue {Size(Queue)}, images {Size(Images)})";

    /// <summary>Bytes in GB, for a person.</summary>
    public static string Size(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F2} GB");

    private static long QueueBytes(PretrainOptions options, CudaPrecision precision)
    {
        (int n, int c, int k) = (options.Optimizer.BatchSize, options.Model.EmbeddingSize, options.Method.QueueSize);
        ElementType features = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
        ElementType queue = options.Method.QueueType == "bf16" ? ElementType.BFloat16 : ElementType.Float32;
        var step = new StepPlan(
            options.FeatureTransform(), CudaContrast.ShapeOf(n, c, k, queue, features, precision), Multiprocessors, SharedBytes);
        long rows = (long)k * c * (queue == ElementType.BFloat16 ? sizeof(ushort) : sizeof(float));
        return rows + step.Bytes + (2L * n * c * sizeof(float));
    }
}
