using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>A CPU device of one precision with test tensors and the comparison of results with the oracle.</summary>
internal sealed class DeviceBench(ElementType type) : IDisposable
{
    private readonly List<ParameterStore> stores = [];

    public CpuDevice Device { get; } = new(type, 2);

    public bool IsHalf => type == ElementType.BFloat16;

    public float[] Random(int count, uint draw) => LayerNumbers.Random(type, count, draw);

    public float Stored(float value) => LayerNumbers.Stored(type, value);

    public static float Half(float value) => LayerNumbers.Half(value);

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

    public void AssertClose(
        string what, float[] given, double[] expected, float[] plain, double factor, bool stored, Func<int, double>? intermediate = null) =>
        LayerNumbers.AssertClose(type, what, given, expected, plain, factor, stored, intermediate);

    public void Dispose()
    {
        stores.ForEach(store => store.Dispose());
        Device.Dispose();
    }
}
