using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Evaluation;
using SgdKernel = FeatureTransform.Native.Cuda.Sgd;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The regression in fp32 without tensor cores: products by cuBLASLt, loss, column sums and SGD by our kernels. The features stay in
/// host memory; a batch is gathered there while the device works on the one before.
/// </summary>
internal sealed class CudaSoftmaxRegression : ISoftmaxRegression
{
    private const int LossSlots = 256; // steps between two looks at their losses

    private readonly CudaDevice device;
    private readonly CudaStream stream;
    private readonly Standardization standardization;
    private readonly int c, classes, batchSize;
    private readonly Parameter weight, bias;
    private readonly CudaParameterStore store;
    private readonly SoftmaxCrossEntropy crossEntropy;
    private readonly BiasRelu columnSums;
    private readonly SgdKernel sgd;
    private readonly PinnedUploads uploads;
    private readonly DeviceMemory batch, logits, losses, means, rate; // batch: N x C features, then N labels
    private double lossSum;
    private int steps, unread;

    /// <param name="device">Where it runs.</param>
    /// <param name="standardization">Applied to each channel of the features.</param>
    /// <param name="classes">Classes.</param>
    /// <param name="batchSize">Largest N of a step.</param>
    /// <exception cref="CudaException">There is not so much memory, or a kernel cannot be had.</exception>
    public CudaSoftmaxRegression(CudaDevice device, Standardization standardization, int classes, int batchSize)
    {
        (this.device, stream, this.standardization) = (device, device.Stream, standardization);
        (c, this.classes, this.batchSize) = (standardization.Mean.Length, classes, batchSize);
        CudaContext context = stream.Context;
        crossEntropy = new SoftmaxCrossEntropy(device.Kernels);
        columnSums = new BiasRelu(device.Kernels, device.Type);
        sgd = new SgdKernel(device.Kernels, device.Type);
        var layout = new ParameterLayout();
        weight = layout.Add("weight", ParameterKind.Linear, classes, c);
        bias = layout.Add("bias", ParameterKind.LinearBias, classes);
        store = new CudaParameterStore(context, stream, new Cast(device.Kernels, device.Type), layout, trained: true, ElementType.Float32);
        uploads = new PinnedUploads(stream);
        batch = new DeviceMemory(context, BatchBytes(batchSize));
        logits = new DeviceMemory(context, (long)batchSize * classes * sizeof(float));
        losses = new DeviceMemory(context, (long)batchSize * sizeof(float));
        means = new DeviceMemory(context, LossSlots * sizeof(float));
        rate = new DeviceMemory(context, sizeof(float));
    }

    public void Step(FeatureSet set, int[] rows, int begin, int size, float learningRate, float momentum)
    {
        ulong labels = Forward(set, rows.AsSpan(begin, size));
        crossEntropy.Launch(stream, new SoftmaxCrossEntropyArgs
        {
            Logits = logits.Address,
            Labels = labels,
            Gradient = logits.Address,
            Losses = losses.Address,
            Mean = means.Address + (ulong)(unread * sizeof(float)),
            Stride = (ulong)classes,
            N = (uint)size,
            Classes = (uint)classes,
        });
        columnSums.Launch(
            stream, ElementType.Float32, new BiasReluArgs { Dy = logits.Address, Gradient = store.GradientOf(bias), N = (uint)size, C = (uint)classes });
        device.Multiply( // dW = dlogits^T x: classes x C
            new MatrixProduct(
                classes, c, size, TransposeA: true, TransposeB: false, ProductPrecision.Float32, RoundsResult: false, ProductEpilogue.None),
            logits.Address, batch.Address, 0, store.GradientOf(weight));
        rate.FillWords(BitConverter.SingleToUInt32Bits(learningRate), stream);
        sgd.Launch(stream, store.Chunks, new SgdArgs { Arrays = store.Arrays(rate.Address, loss: 0), Momentum = momentum });
        if (++unread == LossSlots)
        {
            ReadLosses();
        }
    }

    public double TakeLoss()
    {
        ReadLosses();
        double mean = lossSum / steps;
        (lossSum, steps) = (0, 0);
        return mean;
    }

    public ConfusionMatrix Score(FeatureSet set, int[] rows)
    {
        var confusion = new ConfusionMatrix(classes);
        var values = new float[batchSize * classes];
        var scores = new double[classes];
        for (int begin = 0; begin < rows.Length; begin += batchSize)
        {
            int size = Math.Min(batchSize, rows.Length - begin);
            _ = Forward(set, rows.AsSpan(begin, size));
            DeviceCopies.Download(stream, logits.Address, values.AsSpan(0, size * classes));
            for (int i = 0; i < size; i++)
            {
                TensorPrimitives.ConvertChecked<float, double>(values.AsSpan(i * classes, classes), scores);
                confusion.Add(scores, set.Labels[rows[begin + i]]);
            }
        }

        return confusion;
    }

    public void Read(Span<float> weights)
    {
        var (matrix, biases) = (new float[classes * c], new float[classes]);
        store.Read(weight, matrix);
        store.Read(bias, biases);
        for (int label = 0; label < classes; label++)
        {
            matrix.AsSpan(label * c, c).CopyTo(weights[(label * (c + 1))..]);
            weights[(label * (c + 1)) + c] = biases[label];
        }
    }

    public void Dispose()
    {
        stream.Synchronize();
        foreach (IDisposable owned in (IDisposable[])[store, uploads, batch, logits, losses, means, rate])
        {
            owned.Dispose();
        }
    }

    // Sends the rows and their labels, and computes their logits; gives the labels' address.
    private ulong Forward(FeatureSet set, ReadOnlySpan<int> rows)
    {
        int n = rows.Length, first = n * c * sizeof(float);
        Span<byte> buffer = uploads.Take(BatchBytes(n));
        Span<float> x = MemoryMarshal.Cast<byte, float>(buffer[..first]);
        Span<int> labels = MemoryMarshal.Cast<byte, int>(buffer[first..]);
        for (int i = 0; i < n; i++)
        {
            standardization.Apply(set.Values.AsSpan(rows[i] * c, c), x.Slice(i * c, c));
            labels[i] = set.Labels[rows[i]];
        }

        uploads.Send(batch.Address, BatchBytes(n));
        device.Multiply( // x W^T + b: N x classes
            new MatrixProduct(
                n, classes, c, TransposeA: false, TransposeB: true, ProductPrecision.Float32, RoundsResult: false, ProductEpilogue.Bias),
            batch.Address, store.WeightOf(weight), store.WeightOf(bias), logits.Address);
        return batch.Address + (ulong)first;
    }

    private long BatchBytes(int n) => (long)n * (c + 1) * sizeof(float);

    private void ReadLosses()
    {
        if (unread == 0)
        {
            return;
        }

        Span<float> read = stackalloc float[LossSlots];
        DeviceCopies.Download(stream, means.Address, read[..unread]);
        foreach (float loss in read[..unread])
        {
            lossSum += loss;
        }

        (steps, unread) = (steps + unread, 0);
    }
}
