using System.Numerics;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>What a batch normalisation is tested with.</summary>
public static class CudaBatchNormCases
{
    public static TheoryData<int, int, int, int, int, bool, bool, bool, CudaPrecision> Cases
    {
        get
        {
            var cases = new TheoryData<int, int, int, int, int, bool, bool, bool, CudaPrecision>();
            foreach (CudaPrecision precision in (CudaPrecision[])[CudaPrecision.Float32, CudaPrecision.BFloat16])
            {
                // n, h, w, c, groups, relu, shortcut, second gradient
                cases.Add(4, 3, 5, 16, 1, false, false, false, precision); // a projection's
                cases.Add(4, 3, 5, 16, 1, true, false, false, precision); // inside a block: the mask
                cases.Add(5, 2, 3, 32, 1, true, false, true, precision); // the stem: two summands, whose sum is not stored
                cases.Add(33, 1, 2, 80, 1, true, true, true, precision); // the end of a block
                cases.Add(6, 5, 7, 16, 3, true, true, false, precision); // the end of the last block
                cases.Add(4, 3, 5, 24, 2, false, true, true, precision); // no ReLU: the sum is stored
                cases.Add(4, 3, 5, 24, 1, false, true, false, precision); // and here it is dy itself
                cases.Add(6, 1, 3, 48, 3, true, false, false, precision);
                cases.Add(4, 5, 7, 32, 2, false, false, false, precision);
            }

            return cases;
        }
    }
}

/// <summary>Batch normalisation of the CUDA device, with all that is fused with it, against its formula in fp64.</summary>
public abstract class CudaBatchNormTests<TDevice>
    where TDevice : ILayerDevice
{
    [Theory]
    [MemberData(nameof(CudaBatchNormCases.Cases), MemberType = typeof(CudaBatchNormCases))]
    public void Equals_the_formula(int n, int h, int w, int c, int groups, bool relu, bool hasShortcut, bool second, CudaPrecision precision)
    {
        using LayerBench bench = TDevice.Open(precision);
        (ParameterStore store, NormParameters norm) = bench.Norm(c);
        int count = n * h * w * c, part = count / groups, rows = part / c;
        float[] x = [.. bench.Random(count, 1).Select(value => LayerNumbers.Stored(bench.Type, value + 0.5f))];
        float[] dy = bench.Random(count, 2), dy2 = bench.Random(count, 3), added = bench.Random(count, 4);
        float[] oldMean = DeviceBench.Value(store, norm.RunningMean), oldVariance = DeviceBench.Value(store, norm.RunningVariance);
        Tensor input = bench.Image(x, n, h, w, c), shortcut = hasShortcut ? bench.Image(added, n, h, w, c) : default;

        Tensor output = bench.Device.BatchNorm(input, shortcut, store, norm, relu, groups, out Tensor statistics);
        (double[] y, LayerOracle.Norm<double>[] norms) = Forward<double>();
        (float[] plainY, LayerOracle.Norm<float>[] plainNorms) = Forward<float>();
        float[] given = bench.Read(output);
        bench.AssertClose("y", given, y, plainY, 2);

        // Running statistics follow the first group, with its unbiased variance.
        double unbiased = rows / (double)Math.Max(1, rows - 1);
        bench.AssertClose(
            "running mean", DeviceBench.Value(store, norm.RunningMean), [.. oldMean.Select((value, i) => (0.9 * value) + (0.1 * norms[0].Mean[i]))],
            [.. oldMean.Select((value, i) => (0.9f * value) + (0.1f * plainNorms[0].Mean[i]))], 2, stored: false);
        bench.AssertClose(
            "running variance", DeviceBench.Value(store, norm.RunningVariance),
            [.. oldVariance.Select((value, i) => (0.9 * value) + (0.1 * unbiased * norms[0].Variance[i]))],
            [.. oldVariance.Select((value, i) => (0.9f * value) + (0.1f * (float)unbiased * plainNorms[0].Variance[i]))], 2, stored: false);

        // The gradient before the ReLU, as the device must see it: its own output says where that passes.
        float[] exact = [.. dy.Select((value, i) => relu && !(given[i] > 0) ? 0 : value + (second ? dy2[i] : 0))];
        float[] stored = [.. exact.Select(value => LayerNumbers.Stored(bench.Type, value))];
        Tensor first = bench.Image(dy, n, h, w, c), other = second ? bench.Image(dy2, n, h, w, c) : default;
        Tensor dx = bench.Device.BatchNormBackward(
            ref first, other, input, output, store, norm, hasShortcut, relu, groups, statistics);
        if (hasShortcut)
        {
            Assert.Equal(stored, bench.Read(first));
        }

        (double[] expectedDx, double[] dw, double[] db) = Backward(norms);
        (float[] plainDx, float[] plainDw, float[] plainDb) = Backward(plainNorms);
        bench.AssertClose("dw", DeviceBench.Gradient(store, norm.Weight), dw, plainDw, 3, stored: false);
        bench.AssertClose("db", DeviceBench.Gradient(store, norm.Bias), db, plainDb, 3, stored: false);
        bench.AssertClose("dx", bench.Read(dx), expectedDx, plainDx, 3);
        bench.Free(input, shortcut, output, statistics, first, other, dx);

        (T[] Y, LayerOracle.Norm<T>[] Norms) Forward<T>()
            where T : IFloatingPointIeee754<T>
        {
            LayerOracle.Norm<T>[] parts = [.. Enumerable.Range(0, groups).Select(g => LayerOracle.BatchNorm(
                Part<T>(x, g), hasShortcut ? Part<T>(added, g) : null, Read<T>(norm.Weight), Read<T>(norm.Bias), relu))];
            return ([.. parts.SelectMany(p => p.Y)], parts);
        }

        (T[] Dx, T[] Dw, T[] Db) Backward<T>(LayerOracle.Norm<T>[] of)
            where T : IFloatingPointIeee754<T>
        {
            var parts = Enumerable.Range(0, groups)
                .Select(g => LayerOracle.BatchNormBackward(Part<T>(stored, g), Part<T>(x, g), Read<T>(norm.Weight), of[g])).ToList();
            return ([.. parts.SelectMany(p => p.Dx)], Sum(parts.Select(p => p.Dw)), Sum(parts.Select(p => p.Db)));
        }

        T[] Part<T>(float[] values, int group)
            where T : INumber<T> => LayerOracle.Cast<T>(values[(group * part)..((group + 1) * part)]);

        T[] Read<T>(Parameter parameter)
            where T : INumber<T> => LayerOracle.Cast<T>(DeviceBench.Value(store, parameter));
    }

    [Theory]
    [InlineData(true, true, CudaPrecision.Float32)]
    [InlineData(false, false, CudaPrecision.Float32)]
    [InlineData(true, false, CudaPrecision.BFloat16)]
    public void Inference_uses_the_running_statistics(bool relu, bool hasShortcut, CudaPrecision precision)
    {
        const int n = 3, h = 5, w = 4, c = 32, count = n * h * w * c;
        using LayerBench bench = TDevice.Open(precision);
        (ParameterStore store, NormParameters norm) = bench.Norm(c);
        float[] x = bench.Random(count, 1), added = bench.Random(count, 2);
        Tensor input = bench.Image(x, n, h, w, c), shortcut = hasShortcut ? bench.Image(added, n, h, w, c) : default;
        Tensor output = bench.Device.BatchNormInference(input, shortcut, store, norm, relu);
        Assert.Equal(input, output);
        bench.AssertClose("y", bench.Read(output), Formula<double>(), Formula<float>(), 2);
        bench.Free(output, shortcut);

        T[] Formula<T>()
            where T : IFloatingPointIeee754<T>
        {
            T[] weight = Read<T>(norm.Weight), bias = Read<T>(norm.Bias), mean = Read<T>(norm.RunningMean), variance = Read<T>(norm.RunningVariance);
            return [.. x.Select((value, i) =>
            {
                int at = i % c;
                T sum = ((T.CreateChecked(value) - mean[at]) / T.Sqrt(variance[at] + T.CreateChecked(1e-5)) * weight[at]) + bias[at]
                    + (hasShortcut ? T.CreateChecked(added[i]) : T.Zero);
                return relu ? T.Max(sum, T.Zero) : sum;
            })];
        }

        T[] Read<T>(Parameter parameter)
            where T : INumber<T> => LayerOracle.Cast<T>(DeviceBench.Value(store, parameter));
    }

    [Fact]
    public void Refuses_groups_that_do_not_divide_the_batch()
    {
        using LayerBench bench = TDevice.Open(CudaPrecision.Float32);
        (ParameterStore store, NormParameters norm) = bench.Norm(16);
        Tensor x = bench.Image(new float[3 * 16], 3, 1, 1, 16);
        Assert.Contains(
            "equal groups",
            Assert.Throws<ArgumentException>(() => bench.Device.BatchNorm(x, default, store, norm, true, 2, out _)).Message);
        bench.Free(x);
    }

    private static T[] Sum<T>(IEnumerable<T[]> vectors)
        where T : INumber<T> => vectors.Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]);
}

public sealed class CudaBatchNormOnEmulator : CudaBatchNormTests<OnEmulatedCuda>;

public sealed class CudaBatchNormOnGpu : CudaBatchNormTests<OnRealCuda>;
