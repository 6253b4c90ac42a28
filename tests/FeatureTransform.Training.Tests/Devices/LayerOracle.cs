using System.Numerics;

namespace FeatureTransform.Training.Tests.Devices;

/// <summary>
/// The layers as their formulas say, one scalar loop each: in double the truth, in float what plain code of the same precision
/// reaches. Images are N x H x W x C, filters K x R x R x C.
/// </summary>
internal static class LayerOracle
{
    public sealed record Filter(int N, int H, int W, int C, int K, int R, int Stride, int Padding)
    {
        public int OutH => ((H + (2 * Padding) - R) / Stride) + 1;

        public int OutW => ((W + (2 * Padding) - R) / Stride) + 1;

        public int InCount => N * H * W * C;

        public int OutCount => N * OutH * OutW * K;

        public int WeightCount => K * R * R * C;

        /// <summary>Every product of the sum: index into y, into x, into w.</summary>
        public IEnumerable<(int Y, int X, int W)> Terms()
        {
            for (int pixel = 0; pixel < N * OutH * OutW; pixel++)
            {
                (int n, int oh, int ow) = (pixel / (OutH * OutW), pixel / OutW % OutH, pixel % OutW);
                for (int tap = 0; tap < R * R; tap++)
                {
                    int h = (oh * Stride) - Padding + (tap / R), w = (ow * Stride) - Padding + (tap % R);
                    if (h < 0 || h >= H || w < 0 || w >= W)
                    {
                        continue;
                    }

                    for (int k = 0; k < K; k++)
                    {
                        for (int c = 0; c < C; c++)
                        {
                            yield return ((pixel * K) + k, (((((n * H) + h) * W) + w) * C) + c, (((k * R * R) + tap) * C) + c);
                        }
                    }
                }
            }
        }
    }

    public static T[] Cast<T>(float[] values)
        where T : INumber<T> => [.. values.Select(value => T.CreateChecked(value))];

    public static (T[] Y, T[] Dx, T[] Dw) Convolution<T>(Filter f, float[] xs, float[] ws, float[] dys)
        where T : INumber<T>
    {
        (T[] x, T[] w, T[] dy) = (Cast<T>(xs), Cast<T>(ws), Cast<T>(dys));
        (T[] y, T[] dx, T[] dw) = (new T[f.OutCount], new T[f.InCount], new T[f.WeightCount]);
        foreach ((int iy, int ix, int iw) in f.Terms())
        {
            y[iy] += x[ix] * w[iw];
            dx[ix] += dy[iy] * w[iw];
            dw[iw] += dy[iy] * x[ix];
        }

        return (y, dx, dw);
    }

    public sealed record Norm<T>(T[] Y, T[] Mean, T[] Inverse, T[] Variance);

    /// <summary>relu(w (x - mean) / sqrt(var + 1e-5) + b + shortcut) over one group of rows.</summary>
    public static Norm<T> BatchNorm<T>(T[] x, T[]? shortcut, T[] weight, T[] bias, bool relu)
        where T : IFloatingPointIeee754<T>
    {
        int c = weight.Length, rows = x.Length / c;
        T count = T.CreateChecked(rows);
        (T[] mean, T[] variance, T[] y) = (new T[c], new T[c], new T[x.Length]);
        for (int i = 0; i < x.Length; i++)
        {
            mean[i % c] += x[i] / count;
        }

        for (int i = 0; i < x.Length; i++)
        {
            variance[i % c] += (x[i] - mean[i % c]) * (x[i] - mean[i % c]) / count;
        }

        T[] inverse = [.. variance.Select(v => T.One / T.Sqrt(v + T.CreateChecked(1e-5)))];
        for (int i = 0; i < x.Length; i++)
        {
            int at = i % c;
            // The affine form a x + (b - a mean), as ATen computes it: where a channel hardly varies, fp32 loses digits there.
            T a = weight[at] * inverse[at], value = (a * x[i]) + (bias[at] - (a * mean[at])) + (shortcut is null ? T.Zero : shortcut[i]);
            y[i] = relu && value < T.Zero ? T.Zero : value;
        }

        return new Norm<T>(y, mean, inverse, variance);
    }

    /// <summary>dx = w / dev (g - mean(g) - x^ mean(g x^)); dw = sum g x^; db = sum g.</summary>
    public static (T[] Dx, T[] Dw, T[] Db) BatchNormBackward<T>(T[] gradient, T[] x, T[] weight, Norm<T> norm)
        where T : IFloatingPointIeee754<T>
    {
        int c = weight.Length;
        T count = T.CreateChecked(x.Length / c);
        (T[] dx, T[] dw, T[] db) = (new T[x.Length], new T[c], new T[c]);
        T[] unit = [.. x.Select((value, i) => (value - norm.Mean[i % c]) * norm.Inverse[i % c])];
        for (int i = 0; i < x.Length; i++)
        {
            dw[i % c] += gradient[i] * unit[i];
            db[i % c] += gradient[i];
        }

        for (int i = 0; i < x.Length; i++)
        {
            int at = i % c;
            dx[i] = weight[at] * norm.Inverse[at] * (gradient[i] - (db[at] / count) - (unit[i] * dw[at] / count));
        }

        return (dx, dw, db);
    }
}
