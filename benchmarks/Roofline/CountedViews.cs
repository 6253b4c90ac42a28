using System.Buffers;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Benchmarks.Roofline;

/// <summary>What the views of 8-bit images, as large as the views, move: <see cref="CudaViews"/> and kernels/augment.cu.</summary>
internal sealed class CountedViews(CountingDevice device, PretrainOptions options) : IViews
{
    private const double Planes = 3 * sizeof(float);

    private readonly int n = options.Optimizer.BatchSize, size = options.Data.ImageSize;

    public PairBatch CreateBatch() => new ImageBatch(n, MemoryPool<byte>.Shared);

    // The copy from the host, and the one into the buffer that the step reads.
    public void Load(PairBatch batch, ReadOnlySpan<int> order)
    {
        double bytes = CudaViews.ImageBytes(n, (long)size * size);
        device.AddUpload(bytes);
        device.Add("images", bytes: 3 * bytes);
    }

    // Resizing reads the pixels and writes planes, colours read them and write views or, where a blur follows, planes again.
    public Tensor Get(int view)
    {
        double blurred = AugmentationRecipe.Named(options.Data.Augmentation, size).BlurProbability;
        double output = CudaDevice.ChannelAlignment * sizeof(ushort);
        double pixel = 3 + Planes + Planes + ((1 - blurred) * output) + (blurred * (Planes + Planes + output));
        device.Add("augmentation", bytes: pixel * n * size * size);
        return device.Make(n, size, size, CudaDevice.ChannelAlignment);
    }

    public Tensor InBatchOrder(Tensor rows) => throw new NotSupportedException();

    public void Dispose()
    {
    }
}
