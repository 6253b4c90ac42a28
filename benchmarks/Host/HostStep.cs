using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>MoCo's step on a CUDA device in bf16 whose libraries do nothing: all that it takes is the host's.</summary>
internal sealed class HostStep : IDisposable
{
    private readonly CudaDevice device;
    private readonly MoCo moco;
    private readonly PairBatch images;
    private uint step;

    /// <param name="options">Network, batch and size of the images, which are as large as the views.</param>
    /// <param name="cudaGraph">Whether the step is replayed as a CUDA graph.</param>
    public HostStep(PretrainOptions options, bool cudaGraph)
    {
        var libraries = new NullLibraries();
        var context = new CudaContext(new CudaDriver(libraries).Devices[0]);
        var kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true);
        device = new CudaDevice(context, kernels, libraries, libraries, CudaPrecision.BFloat16, cudaGraph: cudaGraph) { Owned = [kernels, context] };
        device.Reserve(options);
        moco = new MoCo(device, options);
        (int n, int size) = (options.Optimizer.BatchSize, options.Data.ImageSize);
        images = moco.CreateBatch();
        var augmenter = new Augmenter(AugmentationRecipe.Named(options.Data.Augmentation, size), size, options.Run.Seed);
        var image = new RgbImage(new byte[size * size * 3], size, size, 0);
        for (int i = 0; i < n; i++)
        {
            images.Add(augmenter, image, i);
        }
    }

    /// <summary>The next step.</summary>
    public void Run()
    {
        moco.Step(images, step++, transform: true, learningRate: 0.03f);
        _ = moco.Read();
    }

    public void Dispose()
    {
        moco.Dispose();
        device.Dispose();
    }
}
