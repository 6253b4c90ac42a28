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
    /// <summary>Orders that differ from 0: other blocks and warps first, cp.async at once, blocks on several cores, and all of it.</summary>
    public const int Orders = 4;

    public static KernelDevice Open(int order = 0) => Open(Options(order));

    /// <summary>How a device with an order executes.</summary>
    public static EmulatorOptions Options(int order) => new()
    {
        Device = DeviceProfile.A100,
        OrderSeed = order is 1 or 4 ? 1000 + order : 0,
        AsyncCopies = order is 2 or 4 ? AsyncCopyTime.AtOnce : AsyncCopyTime.Late,
        Workers = order is 3 or 4 ? 3 : 1,
    };

    public static KernelDevice Open(EmulatorOptions options)
    {
        var emulator = new Emulator(options);
        var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        return new KernelDevice(context, KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true), () =>
        {
            Finding[] findings = [.. emulator.Findings];
            emulator.Dispose();
            Assert.True(findings.Length == 0, string.Join('\n', findings.AsEnumerable()));
        });
    }
}

/// <summary>The same, with approximate instructions that err within their documented bounds.</summary>
public sealed class OnErringEmulator : ITestDevice
{
    public static KernelDevice Open(int order = 0) =>
        OnEmulator.Open(OnEmulator.Options(order) with { ApproximationSeed = 1 });
}
