using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// A software device that executes PTX, NVRTC's or else that which is checked in, and checks every access: a test ends with an
/// empty list of findings.
/// </summary>
public sealed class OnEmulator : ITestDevice
{
    public static KernelDevice Open(int order = 0)
    {
        var emulator = new Emulator(new EmulatorOptions { Device = DeviceProfile.A100, OrderSeed = order });
        var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        return new KernelDevice(context, KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true), () =>
        {
            Finding[] findings = [.. emulator.Findings];
            emulator.Dispose();
            Assert.Empty(findings.Select(finding => finding.ToString()));
        });
    }
}
