using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Devices;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>A CUDA device on an emulator with every check; disposing of it asserts that nothing was found and nothing is left.</summary>
internal sealed class EmulatedCuda : IDisposable
{
    private readonly CudaContext context;
    private readonly KernelLibrary kernels;

    /// <param name="precision">Precision of the layers.</param>
    /// <param name="order">An order of blocks and warps.</param>
    /// <param name="separate">Memory of its own for each tensor, so that each access is checked against its bounds.</param>
    /// <param name="record">Makes what records calls; null for nothing.</param>
    /// <param name="cudaGraph">Whether steps are replayed as a CUDA graph, for which tensors must share memory.</param>
    /// <param name="counts">Counts what kernels execute, which then are those of the checked-in PTX.</param>
    public EmulatedCuda(
        CudaPrecision precision, int order = 0, bool separate = true, Func<Emulator, CallRecorder>? record = null, bool cudaGraph = false,
        bool counts = false)
    {
        Emulator = new Emulator(new EmulatorOptions { Device = DeviceProfile.A100, OrderSeed = order, Counters = counts });
        Recorder = record?.Invoke(Emulator);
        context = new CudaContext(new CudaDriver(Seen(Emulator)).Devices[0]);
        kernels = counts
            ? KernelLibrary.OpenCheckedIn(context, KernelSet.LoadSources())
            : KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true);
        Device = new CudaDevice(
            context, kernels, Seen(Emulator.CuDnn), Seen(Emulator.CuBlasLt), precision, separate, cudaGraph: cudaGraph, report: Reports.Add);

        ISymbolSource Seen(ISymbolSource library) => Recorder is null ? library : CallRecorder.Over(library);
    }

    public Emulator Emulator { get; }

    public CallRecorder? Recorder { get; }

    /// <summary>What the device said.</summary>
    public List<string> Reports { get; } = [];

    public CudaDevice Device { get; }

    /// <summary>Another device with the same kernels, which are loaded once; the caller's to dispose of, before this.</summary>
    public CudaDevice OpenAnother(CudaPrecision precision, KernelCache? planCache = null, Action<string>? report = null) =>
        new(context, kernels, Emulator.CuDnn, Emulator.CuBlasLt, precision, planCache: planCache, cudaGraph: false, report: report);

    public float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Count];
        Device.Download(tensor, values);
        return values;
    }

    public void Dispose()
    {
        Device.Dispose();
        kernels.Dispose();
        context.Dispose();
        Finding[] beforeEnd = [.. Emulator.Findings];
        Emulator.Dispose();
        Finding[] findings = beforeEnd.Length > 0 ? beforeEnd : [.. Emulator.Findings];
        Assert.True(findings.Length == 0, string.Join('\n', findings.AsEnumerable()));
    }
}
