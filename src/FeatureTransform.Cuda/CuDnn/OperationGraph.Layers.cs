namespace FeatureTransform.Cuda;

/// <summary>The operations: convolution, pointwise functions, batch normalization, pooling.</summary>
internal sealed partial class OperationGraph
{
    private const cudnnBackendAttributeType_t Int64 = cudnnBackendAttributeType_t.CUDNN_TYPE_INT64;

    private static GraphSetting Float32(cudnnBackendAttributeName_t name) =>
        new(name, cudnnBackendAttributeType_t.CUDNN_TYPE_DATA_TYPE, (long)cudnnDataType_t.CUDNN_DATA_FLOAT);

    /// <summary>y = w * x: N x H x W x C and K x R x S x C to N x H' x W' x K.</summary>
    public void Convolution(GraphTensor x, GraphTensor w, GraphTensor y, GraphWindow window)
    {
        RequireFilter(x, w, y, window);
        Add(new GraphOperation(
            $"convolution {window}", cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w),
            ],
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y)],
            Filter(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, window),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 1),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 0)));
    }

    /// <summary>dx of y = w * x.</summary>
    public void ConvolutionBackwardData(GraphTensor dy, GraphTensor w, GraphTensor dx, GraphWindow window)
    {
        RequireFilter(dx, w, dy, window);
        Add(new GraphOperation(
            $"convolution backward data {window}",
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, dy),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, w),
            ],
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, dx)],
            Filter(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, window),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA, 1),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA, 0)));
    }

    /// <summary>dw of y = w * x, in the type of x.</summary>
    public void ConvolutionBackwardFilter(GraphTensor dy, GraphTensor x, GraphTensor dw, GraphWindow window)
    {
        RequireFilter(x, dw, dy, window);
        Add(new GraphOperation(
            $"convolution backward filter {window}",
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, dy),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, x),
            ],
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, dw)],
            Filter(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, window),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA, 1),
            Factor(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA, 0)));
    }

    /// <summary>y = a + b, a b, or 1 where a > b, element by element; b may be a number or have one for each channel.</summary>
    public void Pointwise(cudnnPointwiseMode_t mode, GraphTensor a, GraphTensor b, GraphTensor y)
    {
        string name = mode.ToString()["CUDNN_POINTWISE_".Length..].ToLowerInvariant();
        Require(y.HasShapeOf(a), name, $"{y} should have the shape of {a}");
        Require(
            b.Storage == GraphStorage.Scalar || b.HasShapeOf(a) || b.Dimensions.SequenceEqual([1, a.C, 1, 1]), name,
            $"{b} should have the shape of {a}, or one number for each channel");
        Require(
            (y.Type == cudnnDataType_t.CUDNN_DATA_BOOLEAN) == (mode == cudnnPointwiseMode_t.CUDNN_POINTWISE_CMP_GT), name,
            $"{y} has the wrong type: only a comparison gives bits");
        Add(PointwiseOperation(name, mode, y, [
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, a),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b),
        ]));
    }

    /// <summary>y = max(x, 0).</summary>
    public void Relu(GraphTensor x, GraphTensor y)
    {
        const string name = "relu";
        Require(y.HasShapeOf(x), name, $"{y} should have the shape of {x}");
        Add(PointwiseOperation(
            name, cudnnPointwiseMode_t.CUDNN_POINTWISE_RELU_FWD, y,
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x)]));
    }

    /// <summary>
    /// y = scale (x - mean) inverse + bias by the statistics of the batch, which are written: mean and 1 / sqrt(variance + epsilon).
    /// </summary>
    public void NormForward(GraphTensor x, GraphTensor y, GraphNorm norm, GraphTensor bias, GraphTensor epsilon, GraphRunning? running)
    {
        const string name = "batch norm";
        Require(y.HasShapeOf(x), name, $"{y} should have the shape of {x}");
        RequireNorm(name, x, norm);
        RequireChannels(bias, name, x.C);
        Require(epsilon.Storage == GraphStorage.Scalar, name, $"{epsilon} should be a number");
        List<GraphOperand> inputs =
        [
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, x),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, norm.Scale),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, bias),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, epsilon),
        ];
        List<GraphOperand> outputs =
        [
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, y),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, norm.Mean),
            new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, norm.Inverse),
        ];
        if (running is not null)
        {
            foreach (GraphTensor tensor in (GraphTensor[])[running.Mean, running.Variance, running.NewMean, running.NewVariance])
            {
                RequireChannels(tensor, name, x.C);
            }
            Require(running.Share.Storage == GraphStorage.Scalar, name, $"{running.Share} should be a number");
            inputs.AddRange(
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, running.Share),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC, running.Mean),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC, running.Variance),
            ]);
            outputs.AddRange(
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC, running.NewMean),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC, running.NewVariance),
            ]);
        }
        Add(new GraphOperation(
            name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR, [.. inputs], [.. outputs], null,
            BatchNorm(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_MODE),
            new GraphSetting(
                cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_FWD_PHASE,
                (long)cudnnBackendNormFwdPhase_t.CUDNN_NORM_FWD_TRAINING)));
    }

    /// <summary>dx, dscale and dbias of <see cref="NormForward"/>.</summary>
    public void NormBackward(GraphTensor dy, GraphTensor x, GraphNorm norm, GraphTensor dx, GraphTensor dscale, GraphTensor dbias)
    {
        const string name = "batch norm backward";
        Require(dy.HasShapeOf(x) && dx.HasShapeOf(x), name, $"{dy} and {dx} should have the shape of {x}");
        RequireNorm(name, x, norm);
        RequireChannels(dscale, name, x.C);
        RequireChannels(dbias, name, x.C);
        Add(new GraphOperation(
            name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR,
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC, dy),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_XDESC, x),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC, norm.Mean),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC, norm.Inverse),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC, norm.Scale),
            ],
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC, dx),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, dscale),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC, dbias),
            ],
            null,
            BatchNorm(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_NORM_BWD_MODE)));
    }

    /// <summary>y = the largest of each window, whose place goes to index (int8, the shape of y).</summary>
    public void Pool(GraphTensor x, GraphTensor y, GraphTensor index, GraphWindow window)
    {
        string name = RequirePool(x, y, index, window);
        Add(new GraphOperation(
            name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR,
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, x)],
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, y),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, index),
            ],
            Resample(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC, window)));
    }

    /// <summary>dx of <see cref="Pool"/>.</summary>
    public void PoolBackward(GraphTensor dy, GraphTensor index, GraphTensor dx, GraphWindow window)
    {
        string name = RequirePool(dx, dy, index, window) + " backward";
        Add(new GraphOperation(
            name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR,
            [
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, dy),
                new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, index),
            ],
            [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, dx)],
            Resample(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC, window)));
    }

    private void RequireFilter(GraphTensor x, GraphTensor w, GraphTensor y, GraphWindow window)
    {
        string name = $"convolution {window}";
        RequireShape(w, name, w.N, window.Height, window.Width, x.C);
        RequireShape(y, name, x.N, window.Rows(x.H), window.Columns(x.W), w.N);
        Require(x.Type == w.Type && x.Type == y.Type, name, $"{x}, {w} and {y} should have one type");
    }

    private void RequireNorm(string name, GraphTensor x, GraphNorm norm)
    {
        Require(x.C % 8 == 0, name, $"{x} should have a multiple of 8 channels"); // others have no engine
        RequireChannels(norm.Scale, name, x.C);
        RequireChannels(norm.Mean, name, x.C);
        RequireChannels(norm.Inverse, name, x.C);
    }

    private string RequirePool(GraphTensor x, GraphTensor y, GraphTensor index, GraphWindow window)
    {
        string name = $"maximum of {window}";
        RequireShape(y, name, x.N, window.Rows(x.H), window.Columns(x.W), x.C);
        Require(x.Type == y.Type, name, $"{x} and {y} should have one type");
        Require(
            index.HasShapeOf(y) && index.Type == cudnnDataType_t.CUDNN_DATA_INT8, name,
            $"{index} should be int8 and have the shape of {y}");
        return name;
    }

    private static GraphOperation PointwiseOperation(string name, cudnnPointwiseMode_t mode, GraphTensor y, GraphOperand[] inputs) => new(
        name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, inputs,
        [new(cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y)],
        new GraphParameters(
            cudnnBackendAttributeName_t.CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR,
            cudnnBackendDescriptorType_t.CUDNN_BACKEND_POINTWISE_DESCRIPTOR,
            new GraphSetting(
                cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_POINTWISE_MODE, (long)mode),
            Float32(cudnnBackendAttributeName_t.CUDNN_ATTR_POINTWISE_MATH_PREC)));

    // y = alpha (w * x) + beta y: without them cuDNN accepts the graph and gives zeros.
    private static GraphSetting Factor(cudnnBackendAttributeName_t name, float value) =>
        new(name, cudnnBackendAttributeType_t.CUDNN_TYPE_FLOAT, BitConverter.SingleToInt32Bits(value));

    private static GraphParameters Filter(cudnnBackendAttributeName_t name, GraphWindow window) => new(
        name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR,
        Float32(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_COMP_TYPE),
        new GraphSetting(
            cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_CONV_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_CONVOLUTION_MODE,
            (long)cudnnConvolutionMode_t.CUDNN_CROSS_CORRELATION),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, Int64, 2),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, Int64, window.Padding, window.Padding),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, Int64, window.Padding, window.Padding),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, Int64, window.Stride, window.Stride),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_CONVOLUTION_DILATIONS, Int64, 1, 1));

    // With zeros around it a maximum has no engine.
    private static GraphParameters Resample(cudnnBackendAttributeName_t name, GraphWindow window) => new(
        name, cudnnBackendDescriptorType_t.CUDNN_BACKEND_RESAMPLE_DESCRIPTOR,
        new GraphSetting(
            cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_RESAMPLE_MODE,
            (long)cudnnResampleMode_t.CUDNN_RESAMPLE_MAXPOOL),
        Float32(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_COMP_TYPE),
        new GraphSetting(
            cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PADDING_MODE, cudnnBackendAttributeType_t.CUDNN_TYPE_PADDING_MODE,
            (long)cudnnPaddingMode_t.CUDNN_NEG_INF_PAD),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, Int64, 2),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, Int64, window.Height, window.Width),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_STRIDES, Int64, window.Stride, window.Stride),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, Int64, window.Padding, window.Padding),
        new GraphSetting(cudnnBackendAttributeName_t.CUDNN_ATTR_RESAMPLE_POST_PADDINGS, Int64, window.Padding, window.Padding));

    private static GraphSetting BatchNorm(cudnnBackendAttributeName_t name) =>
        new(name, cudnnBackendAttributeType_t.CUDNN_TYPE_NORM_MODE, (long)cudnnBackendNormMode_t.CUDNN_BATCH_NORM);
}

/// <summary>What the two passes of a batch normalization share, each with a number for each channel.</summary>
internal sealed record GraphNorm(GraphTensor Scale, GraphTensor Mean, GraphTensor Inverse);

/// <summary>Running statistics before and after: new = (1 - share) old + share batch's, of the unbiased variance.</summary>
internal sealed record GraphRunning(
    GraphTensor Mean, GraphTensor Variance, GraphTensor NewMean, GraphTensor NewVariance, GraphTensor Share);
