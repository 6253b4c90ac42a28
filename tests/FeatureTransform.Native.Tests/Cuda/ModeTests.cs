using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// What must not depend on how the software device executes: the bits of a step on its order (those of the other kernels are in
/// <see cref="KernelTests{TDevice}"/>), and no kernel's accuracy on the errors that a device's approximate instructions may have.
/// </summary>
public sealed class ModeTests
{
    public static TheoryData<string> Cases => [.. KernelCases<OnErringEmulator>.All.Keys];

    [Theory]
    [InlineData(CudaPrecision.Float32, NegativeTransform.Replace, LambdaScope.Row, false)]
    [InlineData(CudaPrecision.Float32, NegativeTransform.Extend, LambdaScope.Element, false)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Replace, LambdaScope.Batch, false)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Extend, LambdaScope.Element, false)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.Replace, LambdaScope.Row, true)]
    [InlineData(CudaPrecision.BFloat16, NegativeTransform.None, LambdaScope.Batch, false)]
    [InlineData(CudaPrecision.TensorFloat32, NegativeTransform.Replace, LambdaScope.Row, false)]
    [InlineData(CudaPrecision.TensorFloat32, NegativeTransform.Replace, LambdaScope.Batch, true)]
    public void No_order_changes_a_bit_of_a_step(CudaPrecision precision, NegativeTransform negative, LambdaScope scope, bool normalize)
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        byte[] first = Step(0);
        for (int order = 1; order <= OnEmulator.Orders; order++)
        {
            Assert.True(first.AsSpan().SequenceEqual(Step(order)), $"order {order} gives other bits");
        }

        byte[] Step(int order)
        {
            const int n = 70, k = 130, c = 16;
            var options = new FeatureTransformOptions { Negative = negative, NegativeScope = scope, NegativeNormalize = normalize };
            var shape = new CudaStepShape(n, c, k) { Precision = precision, Queue = ElementType.BFloat16 };
            (float[] q, float[] key, FeatureQueue rows) = ContrastiveStepTests.Inputs(n, k, c, shape.Queue);
            EmulatorOptions device = OnEmulator.Options(order);
            using var open = new TestDevice(OnEmulator.Open(device with { Device = device.Device with { Multiprocessors = 3 } }));
            StepResult result = open.Run(options, shape, q, key, rows, 5, transform: true);
            RowStatistics s = result.Statistics;
            float[] all =
            [
                result.Loss, .. result.DqRaw, .. result.Keys, .. s.Loss, .. s.PositiveScore, .. s.NegativeMean, .. s.NegativeVariance,
                .. s.PositiveExp, .. s.NegativeExp, .. s.Rank.Select(rank => (float)rank),
            ];
            return MemoryMarshal.AsBytes<float>(all).ToArray();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Errors_of_approximate_instructions_stay_within_the_tolerance(string name)
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        KernelCases<OnErringEmulator>.All[name]();
    }
}
