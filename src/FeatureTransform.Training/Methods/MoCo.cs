using FeatureTransform.Native;
using FeatureTransform.Training.Data;
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
    private readonly int groups;
    private readonly IContrast contrast;
    private readonly IViews views;
    private readonly Action body;
    private readonly int[] order;

    /// <summary>Both encoders start equal, initialised from the seed; the queue holds random unit rows.</summary>
    public MoCo(IDevice device, PretrainOptions options)
    {
        (this.device, this.options) = (device, options);
        int n = options.Optimizer.BatchSize;
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
            views = device.CreateViews(options);
            contrast = device.CreateContrast(options.FeatureTransform(), queue, n);
        }
        catch
        {
            views?.Dispose();
            Query.Dispose();
            Key.Dispose();
            throw;
        }

        Statistics = new RowStatistics(n);
        order = groups > 1 ? new int[n] : [];
        body = () => Compute(plain: null);
    }

    /// <summary>The trained encoder.</summary>
    public Encoder Query { get; }

    /// <summary>Its moving average.</summary>
    public Encoder Key { get; }

    /// <summary>Of the rows of the step that was read last.</summary>
    public RowStatistics Statistics { get; }

    /// <summary>The permutation of the last step's keys over the virtual devices of shuffle-BN; empty for plain batch normalisation.</summary>
    public int[] ShuffleOrder => order;

    /// <summary>The negatives as they are now, for a checkpoint.</summary>
    public FeatureQueue ReadQueue() => contrast.ReadQueue();

    /// <summary>Sets the negatives, from a checkpoint.</summary>
    public void WriteQueue(FeatureQueue queue) => contrast.WriteQueue(queue);

    /// <summary>A batch to be filled, in the form that is best for <see cref="Step"/>; lasts as long as this.</summary>
    public PairBatch CreateBatch() => views.CreateBatch();

    /// <summary>Gives one step to the device; <see cref="Read"/> gives its results, each step's once and in order.</summary>
    /// <param name="batch">N images; may be changed once the next step is given, or all are read.</param>
    /// <param name="step">Step number: with the seed it determines everything random.</param>
    /// <param name="transform">Whether feature transformation is on yet.</param>
    /// <param name="learningRate">Learning rate of the step.</param>
    /// <param name="plain">Where given, receives the statistics of the same rows and negatives without the transformation.</param>
    public void Step(PairBatch batch, uint step, bool transform, float learningRate, RowStatistics? plain = null)
    {
        if (groups > 1)
        {
            BatchShuffle.Fill(options.Run.Seed, step, 0, order);
        }

        views.Load(batch, order);
        contrast.Begin(step, transform);
        device.LearningRate = learningRate;
        if (plain is null)
        {
            device.Replay(body);
        }
        else
        {
            Compute(plain);
        }

        contrast.Publish();
    }

    /// <summary>
    /// Waits for the oldest step that was not read. Its loss; where that is not finite, the step has changed no parameter of the query
    /// encoder and no queue row.
    /// </summary>
    public float Read() => contrast.Read(Statistics);

    public void Dispose()
    {
        contrast.Dispose();
        views.Dispose();
        Query.Dispose();
        Key.Dispose();
    }

    private void Compute(RowStatistics? plain)
    {
        device.Ema(Key.Store, Query.Store, options.Method.EncoderMomentum);                   // key <- m key + (1 - m) query
        Tensor k = EmbedKeys();                                                                // k_raw: N x C, detached
        Tensor q = Query.Forward(views.Get(0), new ForwardMode(true, true, groups));           // q_raw: N x C
        if (plain is not null)
        {
            contrast.ReadPlain(q, k, plain);
        }

        Tensor dq = contrast.Run(q, k);                                                        // dL/dq_raw: N x C
        device.Free(k);
        Query.Backward(dq);
        device.Sgd(Query.Store, options.Optimizer.Momentum, options.Optimizer.WeightDecay, contrast);
        contrast.Enqueue();                                                                    // the unmixed unit keys
    }

    // Shuffle-BN: the keys' virtual devices hold other images than the queries', so that the statistics of a group do not
    // tell which key belongs to a query.
    private Tensor EmbedKeys()
    {
        Tensor keys = Key.Forward(views.Get(1), new ForwardMode(BatchStatistics: true, KeepForBackward: false, groups));
        if (groups == 1)
        {
            return keys;
        }

        Tensor ordered = views.InBatchOrder(keys);
        device.Free(keys);
        return ordered;
    }
}
