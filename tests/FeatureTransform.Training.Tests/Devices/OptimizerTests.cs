using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>The moving average of the key encoder and SGD, over many steps in double; bf16 copies follow the fp32 masters.</summary>
public sealed class OptimizerTests
{
    private const int Steps = 5;

    [Theory]
    [InlineData(1, 0)]
    [InlineData(33, 1)]
    [InlineData(65536 + 257, 0)]
    [InlineData(65536 + 257, 1)]
    public void A_moving_average_follows_the_source(int count, int typeIndex)
    {
        using var bench = new DeviceBench((ElementType)typeIndex);
        ParameterLayout layout = Layout(count, out Parameter parameter, out Parameter buffer);
        (ParameterStore target, ParameterStore source) = (bench.Store(layout), bench.Store(layout));
        float[] start = bench.Random(count, 1);
        double[] expected = [.. start];
        target.Write(parameter, start);
        target.Write(buffer, [7]);
        for (int step = 0; step < Steps; step++)
        {
            float[] values = [.. bench.Random(count, 2 + (uint)step).Select(value => value * 1.001f)];
            source.Write(parameter, values);
            bench.Device.Ema(target, source, 0.999f);
            expected = [.. expected.Select((value, i) => (0.999f * value) + ((1 - (double)0.999f) * values[i]))];
        }

        bench.AssertClose("target", DeviceBench.Value(target, parameter), expected, [], 0, stored: false);
        Assert.Equal([7f], DeviceBench.Value(target, buffer)); // buffers are not averaged
        AssertCopy(bench, target, parameter);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(33, 1)]
    [InlineData(65536 + 257, 0)]
    [InlineData(65536 + 257, 1)]
    public unsafe void Sgd_has_momentum_and_decay(int count, int typeIndex)
    {
        using var bench = new DeviceBench((ElementType)typeIndex);
        ParameterLayout layout = Layout(count, out Parameter parameter, out _);
        var store = (CpuParameterStore)bench.Store(layout);
        float[] start = bench.Random(count, 1);
        store.Write(parameter, start);
        double[] weight = [.. start], velocity = new double[count];
        for (int step = 0; step < Steps; step++)
        {
            float[] gradient = bench.Random(count, 2 + (uint)step);
            gradient.CopyTo(new Span<float>(store.Gradient + parameter.Offset, count));
            bench.Device.LearningRate = 0.06f;
            bench.Device.Sgd(store, 0.9f, 5e-4f);
            for (int i = 0; i < count; i++)
            {
                velocity[i] = (0.9f * velocity[i]) + gradient[i] + (5e-4f * weight[i]);
                weight[i] -= 0.06f * velocity[i];
            }
        }

        var momentum = new float[count];
        store.ReadMomentum(parameter, momentum);
        bench.AssertClose("momentum", momentum, velocity, [], 0, stored: false);
        bench.AssertClose("weight", DeviceBench.Value(store, parameter), weight, [], 0, stored: false);
        AssertCopy(bench, store, parameter);
    }

    private static ParameterLayout Layout(int count, out Parameter parameter, out Parameter buffer)
    {
        var layout = new ParameterLayout();
        _ = layout.Add("before", ParameterKind.NormBias, 3);
        parameter = layout.Add("bias", ParameterKind.LinearBias, count);
        buffer = layout.Add("running_mean", ParameterKind.RunningMean, 1);
        return layout;
    }

    private static unsafe void AssertCopy(DeviceBench bench, ParameterStore store, Parameter parameter)
    {
        var cpu = (CpuParameterStore)store;
        Assert.Equal(bench.IsHalf, cpu.HalfWeights != null);
        if (bench.IsHalf)
        {
            float[] copy = [.. new ReadOnlySpan<ushort>(cpu.HalfWeights + parameter.Offset, (int)parameter.Count).ToArray()
                .Select(bits => BitConverter.UInt32BitsToSingle((uint)bits << 16))];
            Assert.Equal([.. DeviceBench.Value(store, parameter).Select(DeviceBench.Half)], copy);
        }
    }
}
