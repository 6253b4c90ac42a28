using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>A CPU device of one precision with test tensors and the comparison of results with the oracle.</summary>
internal sealed class DeviceBench(ElementType type) : IDisposable
{
    // Half a unit in the last place, relative to the value, of bf16's 8 and of fp32's 24 significant bits.
    private const double HalfRounding = 1.0 / (1 << 8), SingleRounding = 1.0 / (1 << 24);

    private readonly List<ParameterStore> stores = [];

    public CpuDevice Device { get; } = new(type, 2);

    public bool IsHalf => type == ElementType.BFloat16;

    /// <summary>Uniform numbers in -1..1, rounded as the device stores activations, so that both sides compute on the same.</summary>
    public float[] Random(int count, uint draw) =>
        [.. Enumerable.Range(0, count).Select(i => Stored((Philox.Element(23, draw, RandomUse.Augmentation, (ulong)i) / 2147483648f) - 1))];

    public float Stored(float value) => IsHalf ? Half(value) : value;

    /// <summary>The nearest bf16, ties to even, by arithmetic.</summary>
    public static float Half(float value)
    {
        if (value == 0)
        {
            return value;
        }

        double unit = Math.ScaleB(1, Math.ILogB(value) - 7);
        return (float)(Math.Round(value / unit, MidpointRounding.ToEven) * unit);
    }

    public ParameterStore Store(ParameterLayout layout)
    {
        ParameterStore store = Device.CreateStore(layout, trained: true);
        stores.Add(store);
        return store;
    }

    public unsafe Tensor Image(float[] values, int n, int h, int w, int c)
    {
        if (c == 3)
        {
            Assert.Equal(h, w);
            return Device.Images(values, n, h);
        }

        Tensor vector = Device.Upload(new float[n * c], n, c);
        Tensor image = Device.GlobalAverageBackward(vector, h, w);
        Device.Free(vector);
        Assert.Equal(values.Length, image.Count);
        for (int i = 0; i < values.Length; i++)
        {
            if (IsHalf)
            {
                ((ushort*)image.Data)[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
            }
            else
            {
                ((float*)image.Data)[i] = values[i];
            }
        }

        return image;
    }

    /// <summary>Leaves garbage in memory of this many elements, which the next tensor of the size is likely to get.</summary>
    public void Poison(int count)
    {
        var garbage = new float[count];
        Array.Fill(garbage, 1e9f);
        Tensor[] tensors = [.. Enumerable.Range(0, 8).Select(_ => Device.Upload(garbage, 1, count))];
        Array.ForEach(tensors, Device.Free);
    }

    public float[] Read(Tensor tensor)
    {
        var values = new float[tensor.Count];
        Device.Download(tensor, values);
        return values;
    }

    public static float[] Gradient(ParameterStore store, Parameter parameter)
    {
        var values = new float[parameter.Count];
        store.ReadGradient(parameter, values);
        return values;
    }

    public static float[] Value(ParameterStore store, Parameter parameter)
    {
        var values = new float[parameter.Count];
        store.Read(parameter, values);
        return values;
    }

    /// <summary>
    /// The error is at most <paramref name="factor"/> times that of the plain fp32 loop and a floor of 8 roundings of the largest
    /// value; each result may also be off by its own rounding, to bf16 where it is <paramref name="stored"/> so, and by that of
    /// <paramref name="intermediate"/>, values that the device rounds on the way. NaN fails.
    /// </summary>
    public void AssertClose(
        string what, float[] given, double[] expected, float[] plain, double factor, bool stored, Func<int, double>? intermediate = null)
    {
        Assert.Equal(expected.Length, given.Length);
        double scale = expected.Max(Math.Abs), loop = plain.Length == 0 ? 0 : expected.Select((value, i) => Math.Abs(plain[i] - value)).Max();
        double floor = (factor * loop) + (8 * Math.ScaleB(scale, -24));
        for (int i = 0; i < given.Length; i++)
        {
            double unit = IsHalf && stored ? HalfRounding : SingleRounding;
            double rounding = unit * (Math.Abs(expected[i]) + floor + (intermediate is null ? 0 : Math.Abs(intermediate(i))));
            double error = Math.Abs(given[i] - expected[i]);
            Assert.True(
                error <= floor + rounding,
                $"{what}[{i}] of {given.Length}: {given[i]:G9}, expected {expected[i]:G9}: error {error:E2} above {floor + rounding:E2}");
        }
    }

    public void Dispose()
    {
        stores.ForEach(store => store.Dispose());
        Device.Dispose();
    }
}
