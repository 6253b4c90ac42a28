using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>On a software device that executes the PTX of NVRTC and checks every access; skipped where there is no NVRTC.</summary>
public sealed class CudaContrastiveStepOnEmulator : CudaContrastiveStepTests
{
    private protected override TestDevice Open()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason), reason ?? "");
        var emulator = new Emulator(DeviceProfile.A100);
        var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        return new TestDevice(context, new KernelLibrary(context, KernelSet.LoadSources(), nvrtc!, KernelCache.Open(), ptx: true), () =>
        {
            Finding[] findings = [.. emulator.Findings];
            emulator.Dispose();
            Assert.Empty(findings.Select(finding => finding.ToString()));
        });
    }
}
