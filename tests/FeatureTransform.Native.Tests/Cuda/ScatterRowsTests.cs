using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>scatter_rows: every row in its place, bit by bit.</summary>
public abstract class ScatterRowsTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(1, 1, 0)]
    [InlineData(31, 5, 0)]
    [InlineData(33, 128, 0)]
    [InlineData(257, 32, 1)]
    [InlineData(7, 257, 0)]
    [InlineData(130, 4, 2)]
    public void Rows_are_in_the_places_that_the_order_gives(int n, int c, int offset)
    {
        using KernelDevice device = TDevice.Open();
        float[] rows = Inputs.Uniform(n * c, 1, ElementType.BFloat16);
        uint[] order = Order(n);
        float[] expected = new float[n * c];
        for (int i = 0; i < rows.Length; i++)
        {
            expected[(order[i / c] * c) + (i % c)] = rows[i];
        }

        Accuracy.SameBits("fp32", expected, Run<float>(device, ElementType.Float32, rows, order, offset));
        Accuracy.SameBits("bf16", Bf16.Round(expected), Run<ushort>(device, ElementType.BFloat16, Bf16.Round(rows), order, offset));
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(
        Run<float>(device, ElementType.Float32, Inputs.Uniform(99 * 20, 1), Order(99), 0)).ToArray();

    private static uint[] Order(int n)
    {
        uint[] order = [.. Enumerable.Range(0, n).Select(i => (uint)i)];
        new System.Random(5).Shuffle(order);
        return order;
    }

    private static T[] Run<T>(KernelDevice device, ElementType type, T[] rows, uint[] order, int offset)
        where T : unmanaged
    {
        DeviceArray<T> target = device.Poisoned<T>(rows.Length, offset);
        new ScatterRows(device.Kernels, type).Launch(device.Stream, new ScatterRowsArgs
        {
            Source = device.Upload<T>(rows, offset).Address,
            Target = target.Address,
            Order = device.Upload<uint>(order).Address,
            N = (uint)order.Length,
            C = (uint)(rows.Length / order.Length),
        });
        return target.Read();
    }
}

public sealed class ScatterRowsOnEmulator : ScatterRowsTests<OnEmulator>;

public sealed class ScatterRowsOnGpu : ScatterRowsTests<OnGpu>;
