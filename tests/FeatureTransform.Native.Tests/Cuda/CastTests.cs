using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>cast: rounded to nearest even by the definition, widened exactly, rows cut or filled with zeros.</summary>
public abstract class CastTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    // Ties to even both ways, the largest number that stays finite and the next, subnormal numbers.
    private static readonly float[] Special =
    [
        0, -0f, float.PositiveInfinity, float.NegativeInfinity, 1.00390625f, 1.01171875f, -1.00390625f, float.MaxValue,
        -float.MaxValue, BitConverter.UInt32BitsToSingle(0x7f7f7fff), BitConverter.UInt32BitsToSingle(0x7f7f8000),
        1e-40f, -1e-45f, float.Epsilon,
    ];

    [Theory]
    [InlineData(1, 1, 1, 0)]
    [InlineData(1, 4097, 4097, 0)]
    [InlineData(1, 1024, 1024, 1)]
    [InlineData(7, 3, 8, 0)]
    [InlineData(11, 8, 3, 0)]
    [InlineData(5, 3, 4, 1)]
    [InlineData(65, 33, 33, 0)]
    [InlineData(3, 1, 129, 0)]
    [InlineData(257, 32, 31, 2)]
    public void Both_ways_equal_the_definition(int rows, int sourceColumns, int targetColumns, int offset)
    {
        float[] values = [.. Special, .. Inputs.Uniform(Math.Max(0, (rows * sourceColumns) - Special.Length), 1)];
        values = values[..(rows * sourceColumns)];
        using KernelDevice device = TDevice.Open();
        ushort[] rounded = Run<float, ushort>(device, ElementType.BFloat16, values, rows, targetColumns, offset);
        Accuracy.SameBits("bf16", Rows(Bf16.Round(values), rows, targetColumns), rounded);
        float[] widened = Run<ushort, float>(device, ElementType.Float32, Bf16.Round(values), rows, targetColumns, offset);
        Accuracy.SameBits("fp32", Rows(Bf16.Widen(Bf16.Round(values)), rows, targetColumns), widened);
        float[] copied = Run<float, float>(device, ElementType.Float32, values, rows, targetColumns, offset);
        Accuracy.SameBits("fp32 to fp32", Rows(values, rows, targetColumns), copied);
    }

    [Fact]
    public void NaN_stays_NaN()
    {
        using KernelDevice device = TDevice.Open();
        uint[] bits = [0x7f800001, 0xffffffff, 0x7fc00000, 0xff80ffff, 0x7fffffff];
        float[] values = [.. bits.Select(BitConverter.UInt32BitsToSingle)];
        ushort[] rounded = Run<float, ushort>(device, ElementType.BFloat16, values, 1, 5, 0);
        Assert.All(Bf16.Widen(rounded), x => Assert.True(float.IsNaN(x)));
        Assert.All(Run<ushort, float>(device, ElementType.Float32, rounded, 1, 5, 0), x => Assert.True(float.IsNaN(x)));
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<ushort>(
        Run<float, ushort>(device, ElementType.BFloat16, Inputs.Uniform(700 * 3, 1), 700, 8, 0)).ToArray();

    private static T[] Run<S, T>(KernelDevice device, ElementType type, S[] values, int rows, int columns, int offset)
        where S : unmanaged
        where T : unmanaged
    {
        DeviceArray<T> target = device.Poisoned<T>(rows * columns, offset);
        ElementType from = typeof(S) == typeof(float) ? ElementType.Float32 : ElementType.BFloat16;
        ElementType beside = from == ElementType.Float32 ? type : from;
        new Cast(device.Kernels, beside).Launch(device.Stream, from, type, new CastArgs
        {
            Source = device.Upload<S>(values, offset).Address,
            Target = target.Address,
            Rows = (ulong)rows,
            SourceColumns = (ulong)(values.Length / rows),
            TargetColumns = (ulong)columns,
        });
        return target.Read();
    }

    private static T[] Rows<T>(T[] values, int rows, int columns)
        where T : struct =>
        [.. values.Chunk(values.Length / rows).SelectMany(row => row.Concat(new T[columns]).Take(Math.Min(row.Length, columns))
            .Concat(new T[Math.Max(0, columns - row.Length)]))];
}

public sealed class CastOnEmulator : CastTests<OnEmulator>;

public sealed class CastOnGpu : CastTests<OnGpu>;
