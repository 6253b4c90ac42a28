using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>MoCo's step on a CUDA device in bf16 whose libraries do nothing: all that it takes is the host's.</summary>
internal sealed class HostStep : IDisposable
{
    private readonly CudaDevice device;
    private readonly MoCo moco;
    private readonly float[] view1, view2;
    private uint step;

    public HostStep(PretrainOptions options)
    {
        var libraries = new NullLibraries();
        var context = new CudaContext(new CudaDriver(libraries).Devices[0]);
        var kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true);
        device = new CudaDevice(context, kernels, libraries, libraries, CudaPrecision.BFloat16) { Owned = [kernels, context] };
        device.Reserve(options);
        moco = new MoCo(device, options);
        int pixels = options.Optimizer.BatchSize * options.Data.ImageSize * options.Data.ImageSize * 3;
        (view1, view2) = (new float[pixels], new float[pixels]);
    }

    /// <summary>The next step.</summary>
    public void Run() => _ = moco.Step(view1, view2, step++, transform: true, learningRate: 0.03f);

    public void Dispose()
    {
        moco.Dispose();
        device.Dispose();
    }
}
