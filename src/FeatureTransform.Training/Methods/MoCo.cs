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
    private readonly int n, c, size, groups;
    private readonly ContrastiveStep contrast;
    private readonly float[] qRaw, kRaw, keys, dqRaw, shuffled;
    private readonly int[] order;

    /// <summary>Both encoders start equal, initialised from the seed; the queue holds random unit rows.</summary>
    public MoCo(IDevice device, PretrainOptions options)
    {
        (this.device, this.options) = (device, options);
        (n, c, size) = (options.Optimizer.BatchSize, options.Model.EmbeddingSize, options.Data.ImageSize);
        groups = options.Method.BatchNormGroups;
        Query = new Encoder(device, options.Model, trained: true);
        Key = new Encoder(device, options.Model, trained: false);
        Initialization.Fill(Query.Store, options.Run.Seed);
        Initialization.Fill(Key.Store, options.Run.Seed);
        Queue = new FeatureQueue(
            options.Method.QueueSize, c, options.Method.QueueType == "bf16" ? ElementType.BFloat16 : ElementType.Float32);
        Queue.Initialize(options.Run.Seed);
        contrast = new ContrastiveStep(options.FeatureTransform(), n, c, options.Run.Threads);
        Statistics = new RowStatistics(n);
        (qRaw, kRaw, keys, dqRaw) = (new float[n * c], new float[n * c], new float[n * c], new float[n * c]);
        (order, shuffled) = groups > 1 ? (new int[n], new float[(long)n * size * size * 3]) : ([], []);
    }

    /// <summary>The trained encoder.</summary>
    public Encoder Query { get; }

    /// <summary>Its moving average.</summary>
    public Encoder Key { get; }

    /// <summary>The negatives.</summary>
    public FeatureQueue Queue { get; }

    /// <summary>Of the last step's rows.</summary>
    public RowStatistics Statistics { get; }

    /// <summary>The permutation of the last step's keys over the virtual devices of shuffle-BN; empty for plain batch normalisation.</summary>
    public int[] ShuffleOrder => order;

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
        Query.Forward(view1, n, size, new ForwardMode(true, true, groups), qRaw);              // q_raw: N x C
        EmbedKeys(view2, step);                                                                // k_raw: N x C, detached
        if (plain is not null)
        {
            _ = contrast.Run(qRaw, kRaw, Queue, step, transform: false, dqRaw, keys, plain);
        }

        float loss = contrast.Run(qRaw, kRaw, Queue, step, transform, dqRaw, keys, Statistics); // dL/dq_raw: N x C
        if (!float.IsFinite(loss))
        {
            return loss;
        }

        Query.Backward(dqRaw);
        device.Sgd(Query.Store, learningRate, options.Optimizer.Momentum, options.Optimizer.WeightDecay);
        Queue.Enqueue(keys);                                                                   // the unmixed unit keys
        return loss;
    }

    public void Dispose()
    {
        contrast.Dispose();
        Query.Dispose();
        Key.Dispose();
    }

    // Shuffle-BN: the keys' virtual devices hold other images than the queries', so that the statistics of a group do not
    // tell which key belongs to a query.
    private void EmbedKeys(ReadOnlySpan<float> view2, uint step)
    {
        var mode = new ForwardMode(BatchStatistics: true, KeepForBackward: false, groups);
        if (groups == 1)
        {
            Key.Forward(view2, n, size, mode, kRaw);
            return;
        }

        BatchShuffle.Fill(options.Run.Seed, step, 0, order);
        int image = size * size * 3;
        for (int i = 0; i < n; i++)
        {
            view2.Slice(order[i] * image, image).CopyTo(shuffled.AsSpan(i * image));
        }

        Key.Forward(shuffled, n, size, mode, keys);
        for (int i = 0; i < n; i++)
        {
            keys.AsSpan(i * c, c).CopyTo(kRaw.AsSpan(order[i] * c));
        }
    }
}
