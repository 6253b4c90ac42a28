using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Methods;

/// <summary>
/// Momentum contrast (He et al., CVPR 2020; v2: Chen et al., 2020) with feature transformation (Zhu et al., ICCV 2021): a
/// query encoder that is trained, a key encoder that follows it, and a queue of earlier keys as negatives.
/// </summary>
internal sealed class MoCo : IDisposable
{
    private readonly IDevice device;
    private readonly PretrainOptions options;
    private readonly int n, size, groups;
    private readonly IContrast contrast;
    private readonly float[] shuffled;
    private readonly int[] order;

    /// <summary>Both encoders start equal, initialised from the seed; the queue holds random unit rows.</summary>
    public MoCo(IDevice device, PretrainOptions options)
    {
        (this.device, this.options) = (device, options);
        (n, size) = (options.Optimizer.BatchSize, options.Data.ImageSize);
        groups = options.Method.BatchNormGroups;
        Query = new Encoder(device, options.Model, trained: true);
        Key = new Encoder(device, options.Model, trained: false);
        try
        {
            Initialization.Fill(Query.Store, options.Run.Seed);
            Initialization.Fill(Key.Store, options.Run.Seed);
            var queue = new FeatureQueue(
                options.Method.QueueSize, options.Model.EmbeddingSize,
                options.Method.QueueType == "bf16" ? ElementType.BFloat16 : ElementType.Float32);
            queue.Initialize(options.Run.Seed);
            contrast = device.CreateContrast(options.FeatureTransform(), queue, n);
        }
        catch
        {
            Query.Dispose();
            Key.Dispose();
            throw;
        }

        Statistics = new RowStatistics(n);
        (order, shuffled) = groups > 1 ? (new int[n], new float[(long)n * size * size * 3]) : ([], []);
    }

    /// <summary>The trained encoder.</summary>
    public Encoder Query { get; }

    /// <summary>Its moving average.</summary>
    public Encoder Key { get; }

    /// <summary>Of the last step's rows.</summary>
    public RowStatistics Statistics { get; }

    /// <summary>The permutation of the last step's keys over the virtual devices of shuffle-BN; empty for plain batch normalisation.</summary>
    public int[] ShuffleOrder => order;

    /// <summary>The negatives as they are now, for a checkpoint.</summary>
    public FeatureQueue ReadQueue() => contrast.ReadQueue();

    /// <summary>Sets the negatives, from a checkpoint.</summary>
    public void WriteQueue(FeatureQueue queue) => contrast.WriteQueue(queue);

    /// <summary>One step.</summary>
    /// <param name="view1">First views, N x S x S x 3, normalised.</param>
    /// <param name="view2">Second views, N x S x S x 3.</param>
    /// <param name="step">Step number: with the seed it determines everything random.</param>
    /// <param name="transform">Whether feature transformation is on yet.</param>
    /// <param name="learningRate">Learning rate of the step.</param>
    /// <param name="plain">Where given, receives the statistics of the same rows and negatives without the transformation.</param>
    /// <returns>The loss. Where it is not finite, no parameter of the query encoder and no queue row has been changed.</returns>
    public float Step(
        ReadOnlySpan<float> view1, ReadOnlySpan<float> view2, uint step, bool transform, float learningRate, RowStatistics? plain = null)
    {
        device.Ema(Key.Store, Query.Store, options.Method.EncoderMomentum);                   // key <- m key + (1 - m) query
        Tensor q = Query.Forward(view1, n, size, new ForwardMode(true, true, groups));         // q_raw: N x C
        Tensor k = EmbedKeys(view2, step);                                                     // k_raw: N x C, detached
        if (plain is not null)
        {
            device.Free(contrast.Run(q, k, step, transform: false));
            _ = contrast.Read(plain);
        }

        Tensor dq = contrast.Run(q, k, step, transform);                                       // dL/dq_raw: N x C
        device.Free(k);
        Query.Backward(dq);
        device.Sgd(Query.Store, learningRate, options.Optimizer.Momentum, options.Optimizer.WeightDecay, contrast);
        contrast.Enqueue();                                                                    // the unmixed unit keys
        return contrast.Read(Statistics);                                                      // the only wait of the step
    }

    public void Dispose()
    {
        contrast.Dispose();
        Query.Dispose();
        Key.Dispose();
    }

    // Shuffle-BN: the keys' virtual devices hold other images than the queries', so that the statistics of a group do not
    // tell which key belongs to a query.
    private Tensor EmbedKeys(ReadOnlySpan<float> view2, uint step)
    {
        var mode = new ForwardMode(BatchStatistics: true, KeepForBackward: false, groups);
        if (groups == 1)
        {
            return Key.Forward(view2, n, size, mode);
        }

        BatchShuffle.Fill(options.Run.Seed, step, 0, order);
        int image = size * size * 3;
        for (int i = 0; i < n; i++)
        {
            view2.Slice(order[i] * image, image).CopyTo(shuffled.AsSpan(i * image));
        }

        Tensor keys = Key.Forward(shuffled, n, size, mode), ordered = device.ScatterRows(keys, order);
        device.Free(keys);
        return ordered;
    }
}
