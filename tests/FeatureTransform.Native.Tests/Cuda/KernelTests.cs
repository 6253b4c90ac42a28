using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>What the tests of every kernel hold; each derived class of a kernel's tests brings a kind of device.</summary>
public abstract class KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Fact]
    public void No_order_of_blocks_warps_and_copies_changes_a_bit()
    {
        byte[] first = Run(0);
        for (int order = 1; order <= OnEmulator.Orders; order++)
        {
            Assert.True(first.AsSpan().SequenceEqual(Run(order)), $"order {order} gives other bits");
        }
    }

    /// <summary>The outputs for inputs of several blocks.</summary>
    private protected abstract byte[] Outputs(KernelDevice device);

    private byte[] Run(int order)
    {
        using KernelDevice device = TDevice.Open(order);
        return Outputs(device);
    }
}
