using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Native;
using FeatureTransform.Training.Evaluation;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>
/// The regression in fp32: logits = W x, where x ends with a channel that is always 1, whose weights are the bias. Weights are kept
/// as channels x classes and batches as images x channels, so that the lanes of a vector are 16 classes in the forward and in the
/// backward product. Each number is computed by one thread in a fixed order: the same bits for any number of threads.
/// </summary>
internal sealed unsafe class CpuSoftmaxRegression : ISoftmaxRegression
{
    private const int Lanes = 16, Alignment = 64;
    private const int RowsPerItem = 32, ChannelsPerItem = 64;

    private readonly Standardization standardization;
    private readonly int c, classes, batchSize, channelStride, classStride;
    private readonly float* batch, logits, weights, velocity; // N x channels, N x classes, channels x classes twice
    private readonly double[] losses;
    private readonly WorkQueue forward, forwardAndLoss, backward;
    private FeatureSet features = new([], [], 0);
    private int[] order = [];
    private int first, count;
    private float learningRate, momentum;
    private double lossSum;
    private int steps;

    /// <param name="standardization">Applied to each channel of the features.</param>
    /// <param name="classes">Classes.</param>
    /// <param name="batchSize">Largest N of a step.</param>
    /// <param name="threads">Threads; 0: one a core.</param>
    public CpuSoftmaxRegression(Standardization standardization, int classes, int batchSize, int threads)
    {
        (this.standardization, c, this.classes, this.batchSize) = (standardization, standardization.Mean.Length, classes, batchSize);
        (channelStride, classStride) = (Padded(c + 1, Lanes), Padded(classes, Lanes));
        losses = new double[batchSize];
        int n = Padded(batchSize, BroadcastProduct.Rows);
        batch = Allocate(n, channelStride);
        logits = Allocate(n, classStride);
        weights = Allocate(channelStride, classStride);
        velocity = Allocate(channelStride, classStride);
        int parallel = threads > 0 ? threads : Environment.ProcessorCount;
        forward = new WorkQueue(parallel, (item, _) => Forward(item));
        forwardAndLoss = new WorkQueue(parallel, (item, _) =>
        {
            Forward(item);
            Loss(item * RowsPerItem, Math.Min(count, (item + 1) * RowsPerItem));
        });
        backward = new WorkQueue(parallel, (item, _) => Backward(item));
    }

    /// <summary>The weight of channel <paramref name="channel"/> for a class; channel C is the bias.</summary>
    public ref float Weight(int label, int channel) => ref weights[((long)channel * classStride) + label];

    public void Step(FeatureSet set, int[] rows, int begin, int size, float learningRate, float momentum)
    {
        (features, order, first, count) = (set, rows, begin, size);
        (this.learningRate, this.momentum) = (learningRate, momentum);
        forwardAndLoss.Run(Items(count, RowsPerItem));
        backward.Run(Items(c + 1, ChannelsPerItem));
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += losses[i];
        }

        (lossSum, steps) = (lossSum + (sum / count), steps + 1);
    }

    public double TakeLoss()
    {
        double mean = lossSum / steps;
        (lossSum, steps) = (0, 0);
        return mean;
    }

    public ConfusionMatrix Score(FeatureSet set, int[] rows)
    {
        var confusion = new ConfusionMatrix(classes);
        var scores = new double[classes];
        for (int begin = 0; begin < rows.Length; begin += batchSize)
        {
            (features, order, first, count) = (set, rows, begin, Math.Min(batchSize, rows.Length - begin));
            forward.Run(Items(count, RowsPerItem));
            for (int i = 0; i < count; i++)
            {
                TensorPrimitives.ConvertChecked<float, double>(new ReadOnlySpan<float>(logits + ((long)i * classStride), classes), scores);
                confusion.Add(scores, set.Labels[rows[begin + i]]);
            }
        }

        return confusion;
    }

    public void Read(Span<float> weights)
    {
        for (int i = 0; i < classes * (c + 1); i++)
        {
            (int label, int channel) = Math.DivRem(i, c + 1);
            weights[i] = Weight(label, channel);
        }
    }

    public void Dispose()
    {
        forward.Dispose();
        forwardAndLoss.Dispose();
        backward.Dispose();
        foreach (nint memory in new[] { (nint)batch, (nint)logits, (nint)weights, (nint)velocity })
        {
            NativeMemory.AlignedFree((void*)memory);
        }
    }

    private static int Padded(int size, int multiple) => (size + multiple - 1) / multiple * multiple;

    private static int Items(int size, int perItem) => (size + perItem - 1) / perItem;

    private static float* Allocate(int rows, int columns)
    {
        nuint bytes = (nuint)rows * (nuint)columns * sizeof(float);
        var memory = (float*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(memory, bytes);
        return memory;
    }

    // Rows past the batch's end, up to a multiple of 8, hold what an earlier batch left there; nothing reads their logits.
    private void Forward(int item)
    {
        int begin = item * RowsPerItem, end = Math.Min(count, begin + RowsPerItem);
        for (int i = begin; i < end; i++)
        {
            Gather(order[first + i], new Span<float>(batch + ((long)i * channelStride), c + 1));
        }

        for (int i = begin; i < end; i += BroadcastProduct.Rows)
        {
            for (int k = 0; k < classStride; k += Lanes)
            {
                BroadcastProduct.Tile(
                    batch + ((long)i * channelStride), channelStride, 1, c + 1, weights + k, classStride,
                    logits + ((long)i * classStride) + k, classStride);
            }
        }
    }

    private void Gather(int row, Span<float> x)
    {
        standardization.Apply(features.Values.AsSpan(row * c, c), x[..c]);
        x[c] = 1;
    }

    // Logits become dL/dlogits = (softmax - one-hot) / N.
    private void Loss(int begin, int end)
    {
        for (int i = begin; i < end; i++)
        {
            var row = new Span<float>(logits + ((long)i * classStride), classes);
            int label = features.Labels[order[first + i]];
            float maximum = TensorPrimitives.Max<float>(row), chosen = row[label];
            TensorPrimitives.Subtract(row, maximum, row);
            TensorPrimitives.Exp<float>(row, row);
            float sum = TensorPrimitives.Sum<float>(row);
            losses[i] = Math.Log(sum) + maximum - chosen;
            TensorPrimitives.Multiply(row, 1 / (sum * count), row);
            row[label] -= 1f / count;
        }
    }

    // Gradients of 64 channels' weights, and their step.
    private void Backward(int item)
    {
        float* gradient = stackalloc float[BroadcastProduct.Rows * Lanes];
        int end = Math.Min(channelStride, (item + 1) * ChannelsPerItem);
        Vector512<float> rate = Vector512.Create(learningRate), inertia = Vector512.Create(momentum);
        for (int channel = item * ChannelsPerItem; channel < end; channel += BroadcastProduct.Rows)
        {
            for (int k = 0; k < classStride; k += Lanes)
            {
                BroadcastProduct.Tile(batch + channel, 1, channelStride, count, logits + k, classStride, gradient, Lanes);
                for (int i = 0; i < BroadcastProduct.Rows; i++)
                {
                    long at = ((long)(channel + i) * classStride) + k;
                    Vector512<float> v = (inertia * Vector512.Load(velocity + at)) + Vector512.Load(gradient + (i * Lanes));
                    v.Store(velocity + at);
                    (Vector512.Load(weights + at) - (rate * v)).Store(weights + at);
                }
            }
        }
    }
}
