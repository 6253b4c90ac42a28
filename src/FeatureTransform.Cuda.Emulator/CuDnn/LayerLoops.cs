namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>The operations as their formulas say, in double; images are N x H x W x C and filters K x R x S x C in memory.</summary>
internal static class LayerLoops
{
    /// <summary>Adds what an operation writes to the values of its tensors.</summary>
    public static void Compute(PlanOperation o, Dictionary<long, double[]> values, bool roundsToTf32)
    {
        switch (o.Type)
        {
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
                Pointwise(o, values);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
                NormForward(o, values);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
                NormBackward(o, values);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
                Pool(o, values);
                break;
            case cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
                PoolBackward(o, values);
                break;
            default:
                Convolution(o, values, roundsToTf32);
                break;
        }
    }

    private static void Convolution(PlanOperation o, Dictionary<long, double[]> values, bool roundsToTf32)
    {
        (PlanTensor xt, PlanTensor wt, PlanTensor yt) = o.Type switch
        {
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR => (
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y]),
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR => (
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY]),
            _ => (
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW],
                o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY]),
        };
        PlanTensor written = o.Written.Single();
        double[] x = Operand(xt), w = Operand(wt), y = Operand(yt);
        int c = xt.C;
        foreach ((int pixel, int tap, int source) in Taps(o.Window!, xt, yt))
        {
            ReadOnlySpan<double> image = x.AsSpan(source * c, c);
            for (int k = 0; k < yt.C; k++)
            {
                int filter = ((k * wt.H * wt.W) + tap) * c, output = (pixel * yt.C) + k;
                if (written == yt)
                {
                    double sum = 0;
                    for (int i = 0; i < c; i++)
                    {
                        sum += image[i] * w[filter + i];
                    }
                    y[output] += sum;
                }
                else if (written == xt)
                {
                    double gradient = y[output];
                    for (int i = 0; i < c; i++)
                    {
                        x[(source * c) + i] += gradient * w[filter + i];
                    }
                }
                else
                {
                    double gradient = y[output];
                    for (int i = 0; i < c; i++)
                    {
                        w[filter + i] += gradient * image[i];
                    }
                }
            }
        }

        double[] Operand(PlanTensor tensor) => tensor == written ? values[tensor.Id] = new double[tensor.Count]
            : roundsToTf32 && tensor.Type == cudnnDataType_t.CUDNN_DATA_FLOAT ? Rounding.ToTf32(values[tensor.Id]) : values[tensor.Id];
    }

    /// <summary>Each pixel of the output with the places of its window that lie in the image: pixel, place, pixel of the input.</summary>
    private static IEnumerable<(int Pixel, int Tap, int Source)> Taps(PlanWindow window, PlanTensor x, PlanTensor y)
    {
        for (int pixel = 0; pixel < y.N * y.H * y.W; pixel++)
        {
            (int n, int top, int left) = (
                pixel / (y.H * y.W), (pixel / y.W % y.H * window.Stride) - window.Padding, (pixel % y.W * window.Stride) - window.Padding);
            for (int tap = 0; tap < window.Height * window.Width; tap++)
            {
                (int h, int w) = (top + (tap / window.Width), left + (tap % window.Width));
                if (h >= 0 && h < x.H && w >= 0 && w < x.W)
                {
                    yield return (pixel, tap, (((n * x.H) + h) * x.W) + w);
                }
            }
        }
    }

    private static void Pointwise(PlanOperation o, Dictionary<long, double[]> values)
    {
        PlanTensor first = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC];
        double[] x = values[first.Id];
        PlanTensor? second = o.Operands.GetValueOrDefault(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
        double[] y = new double[x.Length];
        for (int i = 0; i < x.Length; i++)
        {
            double b = second is null ? 0 : values[second.Id][second.Count == 1 ? 0 : second.HasShapeOf(first) ? i : i % first.C];
            y[i] = o.Mode switch
            {
                cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD => x[i] + b,
                cudnnPointwiseMode_t.CUDNN_POINTWISE_SUB => x[i] - b,
                cudnnPointwiseMode_t.CUDNN_POINTWISE_MUL => x[i] * b,
                cudnnPointwiseMode_t.CUDNN_POINTWISE_CMP_GT => x[i] > b ? 1 : 0,
                _ => Math.Max(x[i], 0),
            };
        }
        values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC].Id] = y;
    }

    private static void NormForward(PlanOperation o, Dictionary<long, double[]> values)
    {
        PlanTensor xt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC];
        int c = xt.C, rows = xt.Count / c;
        double[] x = values[xt.Id], y = new double[x.Length], mean = new double[c], variance = new double[c];
        double epsilon = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC)[0];
        double[] scale = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC);
        double[] bias = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC);
        for (int i = 0; i < x.Length; i++)
        {
            mean[i % c] += x[i] / rows;
        }
        for (int i = 0; i < x.Length; i++)
        {
            variance[i % c] += (x[i] - mean[i % c]) * (x[i] - mean[i % c]) / rows;
        }
        double[] inverse = [.. variance.Select(value => 1 / Math.Sqrt(value + epsilon))];
        for (int i = 0; i < x.Length; i++)
        {
            y[i] = ((x[i] - mean[i % c]) * inverse[i % c] * scale[i % c]) + bias[i % c];
        }
        Put(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y);
        Put(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, mean);
        Put(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, inverse);
        if (o.Operands.ContainsKey(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC))
        {
            double share = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC)[0];
            double unbiased = rows / (double)Math.Max(1, rows - 1);
            Put(
                cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC,
                Mix(Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC), mean, 1));
            Put(
                cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC,
                Mix(Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC), variance, unbiased));

            double[] Mix(double[] old, double[] batch, double factor) =>
                [.. old.Select((value, i) => ((1 - share) * value) + (share * factor * batch[i]))];
        }

        double[] Get(cudnnBackendAttributeName_t name) => values[o[name].Id];

        // A copy: what is written is rounded, what is computed with here is not.
        void Put(cudnnBackendAttributeName_t name, double[] result) => values[o[name].Id] = [.. result];
    }

    private static void NormBackward(PlanOperation o, Dictionary<long, double[]> values)
    {
        PlanTensor xt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_XDESC];
        int c = xt.C, rows = xt.Count / c;
        double[] x = values[xt.Id], dx = new double[x.Length], dscale = new double[c], dbias = new double[c];
        double[] dy = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC);
        double[] mean = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC);
        double[] inverse = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC);
        double[] scale = Get(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC);
        for (int i = 0; i < x.Length; i++)
        {
            dbias[i % c] += dy[i];
            dscale[i % c] += dy[i] * (x[i] - mean[i % c]) * inverse[i % c];
        }
        for (int i = 0; i < x.Length; i++)
        {
            int at = i % c;
            double unit = (x[i] - mean[at]) * inverse[at];
            dx[i] = scale[at] * inverse[at] * (dy[i] - (dbias[at] / rows) - (unit * dscale[at] / rows));
        }
        values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC].Id] = dx;
        values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC].Id] = dscale;
        values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC].Id] = dbias;

        double[] Get(cudnnBackendAttributeName_t name) => values[o[name].Id];
    }

    private static void Pool(PlanOperation o, Dictionary<long, double[]> values)
    {
        PlanTensor xt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC];
        PlanTensor yt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC];
        PlanWindow window = o.Window!;
        int c = xt.C;
        double[] x = values[xt.Id], y = new double[yt.Count], index = new double[yt.Count];
        Array.Fill(y, double.NegativeInfinity);
        foreach ((int pixel, int tap, int source) in Taps(window, xt, yt))
        {
            for (int i = 0; i < c; i++)
            {
                ref double result = ref y[(pixel * c) + i];
                double value = x[(source * c) + i];
                if (value > result)
                {
                    (result, index[(pixel * c) + i]) = (value, tap);
                }
            }
        }
        values[yt.Id] = y;
        values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC].Id] = index;
    }

    private static void PoolBackward(PlanOperation o, Dictionary<long, double[]> values)
    {
        PlanTensor xt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC];
        PlanTensor yt = o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC];
        PlanWindow window = o.Window!;
        int c = xt.C;
        double[] dy = values[yt.Id], dx = new double[xt.Count];
        double[] index = values[o[cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC].Id];
        foreach ((int pixel, int tap, int source) in Taps(window, xt, yt))
        {
            for (int i = 0; i < c; i++)
            {
                dx[(source * c) + i] += index[(pixel * c) + i] == tap ? dy[(pixel * c) + i] : 0;
            }
        }
        values[xt.Id] = dx;
    }
}
