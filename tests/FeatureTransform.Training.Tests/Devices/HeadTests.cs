using System.Numerics;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>Pooling and linear layers.</summary>
public sealed class HeadTests
{
    [Theory]
    [InlineData(1, 1, 1, 16, 0)]
    [InlineData(3, 7, 5, 32, 0)]
    [InlineData(2, 4, 6, 48, 0)]
    [InlineData(1, 1, 1, 16, 1)]
    [InlineData(3, 7, 5, 32, 1)]
    [InlineData(2, 4, 6, 48, 1)]
    public void The_maximum_and_its_gradient_are_exact(int n, int h, int w, int c, int typeIndex)
    {
        using var bench = new DeviceBench((ElementType)typeIndex);
        int oh = ((h - 1) / 2) + 1, ow = ((w - 1) / 2) + 1;
        // Whole numbers below 256, which bf16 holds exactly, each once in an image's channel; gradients likewise.
        float[] x = [.. Enumerable.Range(0, n * h * w * c).Select(i => (float)((((i / c) * 97) + ((i % c) * 31)) % 251))];
        float[] dy = [.. Enumerable.Range(0, n * oh * ow * c).Select(i => (float)((i * 7 % 31) - 15))];
        var y = new float[dy.Length];
        var dx = new float[x.Length];
        for (int i = 0; i < y.Length; i++)
        {
            (int channel, int column, int row, int image) = (i % c, i / c % ow, i / c / ow % oh, i / c / ow / oh);
            int best = (from a in Enumerable.Range((2 * row) - 1, 3)
                        from b in Enumerable.Range((2 * column) - 1, 3)
                        where a >= 0 && a < h && b >= 0 && b < w
                        select (((((image * h) + a) * w) + b) * c) + channel).MaxBy(at => x[at]);
            y[i] = x[best];
            dx[best] += dy[i];
        }

        Tensor input = bench.Image(x, n, h, w, c);
        Tensor output = bench.Device.MaxPool(input, out Tensor indices);
        Assert.Equal((n, oh, ow, c), (output.N, output.H, output.W, output.C));
        Assert.Equal(y, bench.Read(output));
        Tensor gradient = bench.Device.MaxPoolBackward(bench.Image(dy, n, oh, ow, c), input, indices);
        Assert.Equal(dx, bench.Read(gradient));
    }

    [Theory]
    [InlineData(1, 1, 1, 16, 0)]
    [InlineData(5, 7, 3, 48, 0)]
    [InlineData(1, 1, 1, 16, 1)]
    [InlineData(5, 7, 3, 48, 1)]
    public void The_average_is_the_mean_over_the_pixels(int n, int h, int w, int c, int typeIndex)
    {
        using var bench = new DeviceBench((ElementType)typeIndex);
        float[] x = bench.Random(n * h * w * c, 1), dy = bench.Random(n * c, 2);
        bench.AssertClose(
            "y", bench.Read(bench.Device.GlobalAverage(bench.Image(x, n, h, w, c))), Mean<double>(), Mean<float>(), 2, stored: true);
        Tensor dx = bench.Device.GlobalAverageBackward(bench.Device.Upload(dy, n, c), h, w);
        Assert.Equal((n, h, w, c), (dx.N, dx.H, dx.W, dx.C));
        bench.AssertClose(
            "dx", bench.Read(dx), [.. Enumerable.Range(0, x.Length).Select(i => (double)dy[(i / c / h / w * c) + (i % c)] / (h * w))], [], 0,
            stored: true);

        T[] Mean<T>()
            where T : INumber<T>
        {
            var y = new T[n * c];
            for (int i = 0; i < x.Length; i++)
            {
                y[(i / c / h / w * c) + (i % c)] += T.CreateChecked(x[i]) / T.CreateChecked(h * w);
            }

            return y;
        }
    }

    [Theory]
    [InlineData(1, 1, 1, false, 0)]
    [InlineData(33, 16, 5, true, 0)]
    [InlineData(31, 65, 129, true, 0)]
    [InlineData(257, 128, 24, false, 0)]
    [InlineData(1, 16, 128, true, 1)]
    [InlineData(33, 16, 5, true, 1)]
    [InlineData(31, 65, 129, true, 1)]
    [InlineData(257, 128, 24, false, 1)]
    public void A_linear_layer_equals_its_sums(int n, int inputs, int outputs, bool relu, int typeIndex)
    {
        using var bench = new DeviceBench((ElementType)typeIndex);
        CpuDevice device = bench.Device;
        var layout = new ParameterLayout();
        Parameter weight = layout.Add("weight", ParameterKind.Linear, outputs, inputs);
        Parameter bias = layout.Add("bias", ParameterKind.LinearBias, outputs);
        ParameterStore store = bench.Store(layout);
        float[] x = bench.Random(n * inputs, 1), w = bench.Random(outputs * inputs, 2), dy = bench.Random(n * outputs, 3);
        float[] b = [.. bench.Random(outputs, 4).Select(value => value * 1.37f)]; // the bias stays fp32
        store.Write(weight, w);
        store.Write(bias, b);
        store.Refresh();

        Tensor input = device.Upload(x, n, inputs);
        Tensor output = device.Linear(input, store, weight, bias, relu);
        float[] y = bench.Read(output);
        double[] expected = Forward<double>();

        // In bf16 the product is rounded before the bias is added, and the sum again.
        bench.AssertClose("y", y, expected, Forward<float>(), 2, stored: true, i => Math.Abs(expected[i]) + Math.Abs(b[i % outputs]) + Cut(i));
        float[] masked = [.. dy.Select((value, i) => relu && !(y[i] > 0) ? 0 : value)];
        Tensor gradient = device.Upload(dy, n, outputs);
        Tensor inputGradient = device.LinearBackward(gradient, input, output, store, weight, bias, relu);
        Assert.Equal(masked, bench.Read(gradient));
        (double[] dx, double[] dw, double[] db) = Backward<double>();
        (float[] plainDx, float[] plainDw, float[] plainDb) = Backward<float>();
        bench.AssertClose("dx", bench.Read(inputGradient), dx, plainDx, 3, stored: true);
        bench.AssertClose("dw", DeviceBench.Gradient(store, weight), dw, plainDw, 3, stored: true);
        bench.AssertClose("db", DeviceBench.Gradient(store, bias), db, plainDb, 3, stored: false);

        // Where the ReLU cuts, the rounding of a product just above minus the bias may show.
        double Cut(int i) => expected[i] == 0 ? Math.Abs(b[i % outputs]) : 0;

        T[] Forward<T>()
            where T : INumber<T>
        {
            var result = new T[n * outputs];
            for (int i = 0; i < result.Length; i++)
            {
                for (int c = 0; c < inputs; c++)
                {
                    result[i] += T.CreateChecked(x[(i / outputs * inputs) + c]) * T.CreateChecked(w[(i % outputs * inputs) + c]);
                }

                result[i] += T.CreateChecked(b[i % outputs]);
                result[i] = relu ? T.Max(result[i], T.Zero) : result[i];
            }

            return result;
        }

        (T[] Dx, T[] Dw, T[] Db) Backward<T>()
            where T : INumber<T>
        {
            (T[] dx, T[] dw, T[] db) = (new T[x.Length], new T[w.Length], new T[outputs]);
            for (int i = 0; i < masked.Length; i++)
            {
                (int row, int k, T g) = (i / outputs, i % outputs, T.CreateChecked(masked[i]));
                db[k] += g;
                for (int c = 0; c < inputs; c++)
                {
                    dx[(row * inputs) + c] += g * T.CreateChecked(w[(k * inputs) + c]);
                    dw[(k * inputs) + c] += g * T.CreateChecked(x[(row * inputs) + c]);
                }
            }

            return (dx, dw, db);
        }
    }
}
