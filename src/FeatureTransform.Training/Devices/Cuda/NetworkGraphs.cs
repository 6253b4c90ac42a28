using FeatureTransform.Cuda;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>The graphs that a network is made of. The stored tensors of each are in the order that its comment says.</summary>
internal static class NetworkGraphs
{
    private const cudnnDataType_t Float32 = cudnnDataType_t.CUDNN_DATA_FLOAT;

    /// <summary>x, w, y.</summary>
    public static OperationGraph Convolution(ConvolutionShape s)
    {
        var graph = new OperationGraph("convolution");
        graph.Convolution(X(graph, s, "x"), Filter(graph, s, "w"), Y(graph, s, "y"), s.Window);
        return graph;
    }

    /// <summary>dy, w, dx.</summary>
    public static OperationGraph ConvolutionBackwardData(ConvolutionShape s)
    {
        var graph = new OperationGraph("convolution backward data");
        graph.ConvolutionBackwardData(Y(graph, s, "dy"), Filter(graph, s, "w"), X(graph, s, "dx"), s.Window);
        return graph;
    }

    /// <summary>dy, x, dw.</summary>
    public static OperationGraph ConvolutionBackwardFilter(ConvolutionShape s)
    {
        var graph = new OperationGraph("convolution backward filter");
        graph.ConvolutionBackwardFilter(Y(graph, s, "dy"), X(graph, s, "x"), Filter(graph, s, "dw"), s.Window);
        return graph;
    }

    /// <summary>
    /// x, scale, bias, mean, inverse deviation, y; then with running statistics the old mean and variance and the new ones; then
    /// the shortcut; then the bits of where the ReLU passes.
    /// </summary>
    public static OperationGraph BatchNorm(NormShape s)
    {
        var graph = new OperationGraph("batch norm");
        GraphTensor x = Image(graph, s, "x"), scale = graph.Channels("scale", s.C), bias = graph.Channels("bias", s.C);
        var norm = new GraphNorm(scale, graph.Channels("mean", s.C), graph.Channels("inverse", s.C));
        GraphTensor y = Image(graph, s, "y");
        GraphRunning? running = s.Running
            ? new(
                graph.Channels("running_mean", s.C), graph.Channels("running_variance", s.C), graph.Channels("new_mean", s.C),
                graph.Channels("new_variance", s.C), graph.Scalar("share", NormParameters.RunningShare))
            : null;
        GraphTensor value = s.Shortcut || s.Relu ? graph.Virtual("normalized", Float32, x) : y;
        graph.NormForward(x, value, norm, bias, graph.Scalar("epsilon", NormParameters.Epsilon), running);
        if (s.Shortcut)
        {
            GraphTensor shortcut = Image(graph, s, "shortcut"), sum = s.Relu ? graph.Virtual("sum", Float32, x) : y;
            graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD, value, shortcut, sum);
            value = sum;
        }

        if (s.Relu)
        {
            graph.Relu(value, y);
            graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_CMP_GT, y, graph.Scalar("zero", 0), Bits(graph, s));
        }

        return graph;
    }

    /// <summary>
    /// dy, x, scale, mean, inverse deviation, dx, dscale, dbias; then dy's second summand; then the bits of where the ReLU passes; then
    /// the gradient before it, for the shortcut.
    /// </summary>
    public static OperationGraph BatchNormBackward(NormShape s)
    {
        var graph = new OperationGraph("batch norm backward");
        GraphTensor dy = Image(graph, s, "dy"), x = Image(graph, s, "x"), gradient = dy;
        var norm = new GraphNorm(graph.Channels("scale", s.C), graph.Channels("mean", s.C), graph.Channels("inverse", s.C));
        GraphTensor dx = Image(graph, s, "dx"), dscale = graph.Channels("dscale", s.C), dbias = graph.Channels("dbias", s.C);
        if (s.TwoSummands)
        {
            GraphTensor dy2 = Image(graph, s, "dy2"), sum = s.Relu ? graph.Virtual("sum", Float32, dy) : BeforeRelu("sum");
            graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD, gradient, dy2, sum);
            gradient = sum;
        }

        if (s.Relu)
        {
            GraphTensor bits = Bits(graph, s), masked = BeforeRelu("masked");
            graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_MUL, gradient, bits, masked);
            gradient = masked;
        }

        graph.NormBackward(gradient, x, norm, dx, dscale, dbias);
        return graph;

        // In the type of dy: a virtual fp32 has no engine.
        GraphTensor BeforeRelu(string name) => s.Shortcut ? Image(graph, s, name) : graph.Virtual(name, dy.Type, dy);
    }

    /// <summary>x, y, index.</summary>
    public static OperationGraph MaxPool(PoolShape s)
    {
        var graph = new OperationGraph("max pool");
        graph.Pool(In(graph, s, "x"), Out(graph, s, "y"), Index(graph, s), s.Window);
        return graph;
    }

    /// <summary>dy, index, dx.</summary>
    public static OperationGraph MaxPoolBackward(PoolShape s)
    {
        var graph = new OperationGraph("max pool backward");
        graph.PoolBackward(Out(graph, s, "dy"), Index(graph, s), In(graph, s, "dx"), s.Window);
        return graph;
    }

    private static cudnnDataType_t TypeOf(ElementType type) => type == ElementType.Float32 ? Float32 : cudnnDataType_t.CUDNN_DATA_BFLOAT16;

    private static GraphTensor X(OperationGraph graph, ConvolutionShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.N, s.H, s.W, s.C);

    private static GraphTensor Filter(OperationGraph graph, ConvolutionShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.K, s.R, s.R, s.C);

    private static GraphTensor Y(OperationGraph graph, ConvolutionShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.N, s.OutH, s.OutW, s.K);

    private static GraphTensor Image(OperationGraph graph, NormShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.N, s.H, s.W, s.C);

    private static GraphTensor Bits(OperationGraph graph, NormShape s) =>
        graph.Tensor("mask", cudnnDataType_t.CUDNN_DATA_BOOLEAN, s.N, s.H, s.W, s.C);

    private static GraphTensor In(OperationGraph graph, PoolShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.N, s.H, s.W, s.C);

    private static GraphTensor Out(OperationGraph graph, PoolShape s, string name) =>
        graph.Tensor(name, TypeOf(s.Type), s.N, s.OutH, s.OutW, s.C);

    private static GraphTensor Index(OperationGraph graph, PoolShape s) =>
        graph.Tensor("index", cudnnDataType_t.CUDNN_DATA_INT8, s.N, s.OutH, s.OutW, s.C);
}
