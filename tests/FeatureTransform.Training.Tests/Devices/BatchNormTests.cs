using System.Numerics;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

public sealed class BatchNormTests
{
    public static TheoryData<int, int, int, int, int, bool, bool> Cases => new()
    {
        // n, h, w, c, groups, relu, shortcut and second gradient
        { 1, 1, 1, 16, 1, false, false },
        { 4, 3, 5, 16, 1, true, false },
        { 6, 1, 1, 48, 3, true, true },
        { 4, 5, 7, 32, 2, false, true },
        { 33, 1, 2, 80, 1, true, true },
        { 31, 13, 11, 16, 1, true, true }, // more than one chunk of 4096 rows
        { 18, 121, 121, 16, 2, true, true }, // above 16 MB: written past the caches in fp32
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Equals_the_formula_in_fp32(int n, int h, int w, int c, int groups, bool relu, bool both) =>
        Compare(ElementType.Float32, n, h, w, c, groups, relu, both);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Equals_the_formula_in_bf16(int n, int h, int w, int c, int groups, bool relu, bool both) =>
        Compare(ElementType.BFloat16, n, h, w, c, groups, relu, both);

    [Theory]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    public void Inference_uses_the_running_statistics(bool relu, int typeIndex)
    {
        const int n = 3, h = 5, w = 4, c = 32, count = n * h * w * c;
        using var bench = new DeviceBench((ElementType)typeIndex);
        (ParameterStore store, NormParameters norm) = Parameters(bench, c);
        (float[] x, float[] shortcut) = (bench.Random(count, 1), bench.Random(count, 2));
        (Tensor input, Tensor added) = (bench.Image(x, n, h, w, c), bench.Image(shortcut, n, h, w, c));
        Tensor output = bench.Device.BatchNormInference(input, added, store, norm, relu);
        Assert.Equal(input, output);
        bench.AssertClose("y", bench.Read(output), Formula<double>(), Formula<float>(), 2, stored: true);

        T[] Formula<T>()
            where T : IFloatingPointIeee754<T>
        {
            T[] weight = Read<T>(norm.Weight), bias = Read<T>(norm.Bias), mean = Read<T>(norm.RunningMean), variance = Read<T>(norm.RunningVariance);
            return [.. Enumerable.Range(0, count).Select(i =>
            {
                int at = i % c;
                T value = ((T.CreateChecked(x[i]) - mean[at]) / T.Sqrt(variance[at] + T.CreateChecked(1e-5)) * weight[at]) + bias[at]
                    + T.CreateChecked(shortcut[i]);
                return relu ? T.Max(value, T.Zero) : value;
            })];
        }

        T[] Read<T>(Parameter parameter)
            where T : INumber<T> => LayerOracle.Cast<T>(DeviceBench.Value(store, parameter));
    }

    [Fact]
    public void The_oracles_gradient_is_the_slope_of_its_forward_pass()
    {
        const int c = 2, count = 7 * c;
        using var bench = new DeviceBench(ElementType.Float32);
        double[] x = LayerOracle.Cast<double>(bench.Random(count, 1)), dy = LayerOracle.Cast<double>(bench.Random(count, 2));
        double[] weight = [1.3, -0.7], bias = [0.2, 0.1];
        (double[] dx, double[] dw, double[] db) =
            LayerOracle.BatchNormBackward(dy, x, weight, LayerOracle.BatchNorm(x, null, weight, bias, relu: false));
        const double step = 1e-6;
        foreach ((double[] variable, double[] slope) in new[] { (x, dx), (weight, dw), (bias, db) })
        {
            for (int i = 0; i < variable.Length; i++)
            {
                double at = variable[i];
                variable[i] = at + step;
                double above = Loss();
                variable[i] = at - step;
                double below = Loss();
                variable[i] = at;
                Assert.Equal(slope[i], (above - below) / (2 * step), 1e-8);
            }
        }

        double Loss() => LayerOracle.BatchNorm(x, null, weight, bias, relu: false).Y.Zip(dy, (a, b) => a * b).Sum();
    }

    [Fact]
    public void Refuses_what_it_cannot_normalise()
    {
        using var bench = new DeviceBench(ElementType.Float32);
        (ParameterStore store, NormParameters norm) = Parameters(bench, 16);
        Tensor x = bench.Image(bench.Random(3 * 16, 1), 3, 1, 1, 16), odd = bench.Device.Upload(new float[3 * 17], 3, 17);
        Assert.Contains("equal groups", Assert.Throws<ArgumentException>(
            () => bench.Device.BatchNorm(x, default, store, norm, true, 2, out _)).Message);
        Assert.Contains("17", Assert.Throws<ArgumentException>(
            () => bench.Device.BatchNorm(odd, default, store, norm, true, 1, out _)).Message);
    }

    private static void Compare(ElementType type, int n, int h, int w, int c, int groups, bool relu, bool both)
    {
        using var bench = new DeviceBench(type);
        CpuDevice device = bench.Device;
        (ParameterStore store, NormParameters norm) = Parameters(bench, c);
        int count = n * h * w * c;
        float[] x = [.. bench.Random(count, 1).Select(value => bench.Stored(value + 0.5f))];
        float[] dy = bench.Random(count, 2), dy2 = bench.Random(count, 3), added = bench.Random(count, 4);
        float[] runningMean = DeviceBench.Value(store, norm.RunningMean), runningVariance = DeviceBench.Value(store, norm.RunningVariance);

        Tensor input = bench.Image(x, n, h, w, c);
        Tensor shortcut = both ? bench.Image(added, n, h, w, c) : default;
        Tensor output = device.BatchNorm(input, shortcut, store, norm, relu, groups, out Tensor statistics);
        float[] y = bench.Read(output);
        (double[] expectedY, LayerOracle.Norm<double>[] norms) = Forward<double>();
        (float[] plainY, LayerOracle.Norm<float>[] plainNorms) = Forward<float>();
        bench.AssertClose("y", y, expectedY, plainY, 2, stored: true);
        int rows = n * h * w / groups;
        bench.AssertClose(
            "running mean", DeviceBench.Value(store, norm.RunningMean),
            [.. runningMean.Select((value, i) => (0.9 * value) + (0.1 * norms[0].Mean[i]))], [], 0, stored: false);
        bench.AssertClose(
            "running variance", DeviceBench.Value(store, norm.RunningVariance),
            [.. runningVariance.Select((value, i) => (0.9 * value) + (0.1 * norms[0].Variance[i] * rows / Math.Max(1, rows - 1)))], [], 0,
            stored: false);

        // The gradient's mask is taken from the device's own output, where a rounding may have crossed zero.
        float[] Masked(Func<int, float> gradient) => [.. Enumerable.Range(0, count).Select(i => relu && !(y[i] > 0) ? 0 : gradient(i))];
        float[] exact = Masked(i => both ? dy[i] + dy2[i] : dy[i]);
        Tensor first = bench.Image(dy, n, h, w, c), second = both ? bench.Image(dy2, n, h, w, c) : default;
        Tensor dx = device.BatchNormBackward(ref first, second, input, output, store, norm, shortcut.Exists, relu, groups, statistics);
        Assert.Equal([.. exact.Select(bench.Stored)], bench.Read(first));
        (double[] expectedDx, double[] dw, double[] db) = Backward(norms);
        (float[] plainDx, float[] plainDw, float[] plainDb) = Backward(plainNorms);
        bench.AssertClose("dw", DeviceBench.Gradient(store, norm.Weight), dw, plainDw, 3, stored: false);
        bench.AssertClose("db", DeviceBench.Gradient(store, norm.Bias), db, plainDb, 3, stored: false);
        float[] scale = DeviceBench.Value(store, norm.Weight);
        // dx = a g + b x + d: a g and the d that cancels it are rounded, each of them.
        bench.AssertClose(
            "dx", bench.Read(dx), expectedDx, plainDx, 3, stored: true,
            i => 2 * exact[i] * scale[i % c] * norms[i / (count / groups)].Inverse[i % c]);
        foreach (Tensor tensor in new[] { input, shortcut, output, statistics, first, second, dx })
        {
            device.Free(tensor);
        }

        (T[] Y, LayerOracle.Norm<T>[] Norms) Forward<T>()
            where T : IFloatingPointIeee754<T>
        {
            LayerOracle.Norm<T>[] parts = [.. Enumerable.Range(0, groups).Select(g => LayerOracle.BatchNorm(
                Part<T>(x, g), both ? Part<T>(added, g) : null, Read<T>(norm.Weight), Read<T>(norm.Bias), relu))];
            return ([.. parts.SelectMany(part => part.Y)], parts);
        }

        (T[] Dx, T[] Dw, T[] Db) Backward<T>(LayerOracle.Norm<T>[] norms)
            where T : IFloatingPointIeee754<T>
        {
            var parts = Enumerable.Range(0, groups)
                .Select(g => LayerOracle.BatchNormBackward(Part<T>(exact, g), Part<T>(x, g), Read<T>(norm.Weight), norms[g])).ToList();
            return ([.. parts.SelectMany(p => p.Dx)], Sum(parts.Select(p => p.Dw)), Sum(parts.Select(p => p.Db)));
        }

        T[] Part<T>(float[] values, int group)
            where T : INumber<T> => LayerOracle.Cast<T>(values[(group * count / groups)..((group + 1) * count / groups)]);

        T[] Read<T>(Parameter parameter)
            where T : INumber<T> => LayerOracle.Cast<T>(DeviceBench.Value(store, parameter));
    }

    private static T[] Sum<T>(IEnumerable<T[]> vectors)
        where T : INumber<T> => vectors.Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);

    private static (ParameterStore Store, NormParameters Norm) Parameters(DeviceBench bench, int c)
    {
        var layout = new ParameterLayout();
        var norm = new NormParameters(
            layout.Add("weight", ParameterKind.NormWeight, c), layout.Add("bias", ParameterKind.NormBias, c),
            layout.Add("running_mean", ParameterKind.RunningMean, c), layout.Add("running_var", ParameterKind.RunningVariance, c));
        ParameterStore store = bench.Store(layout);
        store.Write(norm.Weight, [.. bench.Random(c, 90).Select(value => 1 + (value / 2))]);
        store.Write(norm.Bias, bench.Random(c, 91));
        store.Write(norm.RunningMean, bench.Random(c, 92));
        store.Write(norm.RunningVariance, [.. bench.Random(c, 93).Select(value => 1.5f + value)]);
        store.Refresh();
        return (store, norm);
    }
}
