using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>What the checks of a self-test share: the kernels, a stream with memory, sizes, and the time of work.</summary>
/// <param name="kernels">Kernels of the device.</param>
/// <param name="context">Its context.</param>
/// <param name="emulated">An emulator: sizes are small, and no times are taken, as they would say nothing.</param>
internal sealed class SelfTestBench(KernelLibrary kernels, CudaContext context, bool emulated) : IDisposable
{
    public KernelLibrary Kernels => kernels;

    public DeviceBuffers Memory { get; } = new(context);

    public CudaStream Stream => Memory.Stream;

    /// <summary>Rows of the contrastive step: the published batch on a device.</summary>
    public int N { get; } = emulated ? 40 : 256;

    /// <summary>Negatives, and rows of the bank of k-NN: the published queue on a device.</summary>
    public int K { get; } = emulated ? 300 : 65536;

    /// <summary>Channels.</summary>
    public int C { get; } = 128;

    /// <summary>Parameters: on a device more than a second-level cache holds.</summary>
    public int Parameters { get; } = emulated ? 20_000 : 32_000_000;

    /// <summary>Views of the augmentation.</summary>
    public int Views { get; } = emulated ? 4 : 64;

    /// <summary>Width and height of a view in pixels: on a device that of ImageNet.</summary>
    public int ViewSize { get; } = emulated ? 40 : 224;

    /// <summary>Microseconds of launches, median; null on an emulator.</summary>
    public double? Time(Action launches) => emulated ? null : new DeviceTimer(Stream).Warm(1, launches);

    public void Dispose() => Memory.Dispose();
}
