using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>Kernels from other sources than the project's, on the software device; what that finds is kept, not asserted.</summary>
internal sealed class OnMutant : ITestDevice
{
    private static readonly AsyncLocal<Experiment?> Current = new();

    public static KernelDevice Open(int order = 0)
    {
        Experiment experiment = Current.Value ?? throw new InvalidOperationException("outside of Run");
        var emulator = new Emulator(new EmulatorOptions
        {
            Device = DeviceProfile.A100 with { Multiprocessors = 2 }, // several tiles a block
            OrderSeed = order,
            InstructionLimit = 20_000_000,
        });
        var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        var kernels = new KernelLibrary(context, experiment.Sources, experiment.Nvrtc, experiment.Cache, ptx: true);
        return new KernelDevice(
            context, kernels, () =>
            {
                experiment.Findings.AddRange(emulator.Findings.Where(finding => finding.Check != Checks.Host));
                emulator.Dispose();
            }, exact: true);
    }

    /// <summary>Runs a case, or what stands in its place, with the kernels of some sources.</summary>
    /// <returns>What the checks found, and what the case threw.</returns>
    public static (IReadOnlyList<Finding> Findings, Exception? Error) Run(
        Action run, IReadOnlyDictionary<string, string> sources, Nvrtc nvrtc, KernelCache cache)
    {
        var experiment = new Experiment(new KernelSources(sources), nvrtc, cache, []);
        Current.Value = experiment;
        try
        {
            run();
            return (experiment.Findings, null);
        }
        catch (Exception e) when (e is not KernelCompileException)
        {
            return (experiment.Findings, e);
        }
        finally
        {
            Current.Value = null;
        }
    }

    private sealed record Experiment(KernelSources Sources, Nvrtc Nvrtc, KernelCache Cache, List<Finding> Findings);
}
