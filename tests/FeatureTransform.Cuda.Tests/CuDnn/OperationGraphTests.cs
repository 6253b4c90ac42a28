using Xunit;

namespace FeatureTransform.Cuda.Tests.CuDnn;

/// <summary>The builder refuses what cuDNN would take without a word.</summary>
public sealed class OperationGraphTests
{
    private const cudnnDataType_t Float32 = cudnnDataType_t.CUDNN_DATA_FLOAT, BFloat16 = cudnnDataType_t.CUDNN_DATA_BFLOAT16;

    private static readonly GraphWindow Three = new(3, 2, 1);

    [Fact]
    public void Strides_have_the_channels_innermost()
    {
        var graph = new OperationGraph("g");
        GraphTensor image = graph.Tensor("x", BFloat16, 2, 5, 7, 3), vector = graph.Channels("scale", 64);
        Assert.Equal([2, 3, 5, 7], image.Dimensions);
        Assert.Equal([105, 1, 21, 3], image.Strides);
        Assert.Equal([64, 1, 64, 64], vector.Strides);
        Assert.Equal((420, 256), (image.Bytes, vector.Bytes));
        Assert.Equal((17, 9), (
            graph.Tensor("mask", cudnnDataType_t.CUDNN_DATA_BOOLEAN, 1, 3, 5, 9).Bytes,
            graph.Tensor("index", cudnnDataType_t.CUDNN_DATA_INT8, 1, 1, 1, 9).Bytes));
        Assert.Equal(4, graph.Tensors.Select(tensor => tensor.Id).Distinct().Count());
    }

    [Fact]
    public void The_text_shows_tensors_and_operations()
    {
        OperationGraph graph = Convolution(out _, out _, out _);
        Assert.Equal(
            """
            conv:
              x: bf16 2 x 8 x 9 x 9
              w: bf16 16 x 8 x 3 x 3
              y: bf16 2 x 16 x 5 x 5
              y = convolution 3 x 3 stride 2 padding 1(x, w)

            """,
            graph.ToString());
        graph.Validate();
    }

    [Theory]
    [InlineData(0, 1, 1, 8)]
    [InlineData(1, 0, 1, 8)]
    [InlineData(1, 1, -1, 8)]
    [InlineData(1, 1, 1, 0)]
    public void A_size_is_positive(int n, int h, int w, int c) => Assert.Contains(
        "not positive", Assert.Throws<ArgumentException>(() => new OperationGraph("g").Tensor("x", BFloat16, n, h, w, c)).Message);

    [Fact]
    public void A_type_is_one_of_cuDNN() => Assert.Contains(
        "not known", Assert.Throws<ArgumentOutOfRangeException>(() => new OperationGraph("g").Tensor("x", (cudnnDataType_t)99, 1, 1, 1, 8)).Message);

    [Fact]
    public void A_name_is_there_once()
    {
        var graph = new OperationGraph("g");
        graph.Channels("scale", 8);
        Assert.Contains("scale already", Assert.Throws<ArgumentException>(() => graph.Channels("scale", 8)).Message);
    }

    [Fact]
    public void Shapes_of_a_convolution_fit()
    {
        var graph = new OperationGraph("g");
        GraphTensor x = graph.Tensor("x", BFloat16, 2, 9, 9, 8), w = graph.Tensor("w", BFloat16, 16, 3, 3, 8);
        GraphTensor small = graph.Tensor("small", BFloat16, 2, 4, 5, 16), single = graph.Tensor("single", Float32, 2, 5, 5, 16);
        GraphTensor other = graph.Tensor("other", BFloat16, 16, 3, 3, 4), y = graph.Tensor("y", BFloat16, 2, 5, 5, 16);
        Refuses("small: bf16 2 x 16 x 4 x 5 should be 2 x 16 x 5 x 5", () => graph.Convolution(x, w, small, Three));
        Refuses("one type", () => graph.Convolution(x, w, single, Three));
        Refuses("other: bf16 16 x 4 x 3 x 3 should be", () => graph.Convolution(x, other, y, Three));
        Refuses("w: bf16 16 x 8 x 3 x 3 should be", () => graph.Convolution(x, w, y, new GraphWindow(1, 2, 0)));
        Refuses("one type", () => graph.ConvolutionBackwardFilter(single, x, w, Three));
    }

    [Fact]
    public void Vectors_of_a_normalization_have_a_number_for_each_channel()
    {
        var graph = new OperationGraph("g");
        GraphTensor x = graph.Tensor("x", BFloat16, 2, 3, 3, 16), y = graph.Tensor("y", BFloat16, 2, 3, 3, 16);
        GraphTensor mean = graph.Channels("mean", 16), inverse = graph.Channels("inverse", 16), scale = graph.Channels("scale", 16);
        GraphTensor half = graph.Channels("half", 8), epsilon = graph.Scalar("epsilon", 1e-5f);
        GraphTensor rounded = graph.Tensor("rounded", BFloat16, 1, 1, 1, 16);
        Refuses("half: fp32 1 x 8 x 1 x 1 should be", () => graph.NormForward(x, y, new(half, mean, inverse), scale, epsilon, null));
        Refuses("rounded: bf16 1 x 16 x 1 x 1 should be fp32", () => graph.NormForward(x, y, new(scale, mean, inverse), rounded, epsilon, null));
        Refuses("should be a number", () => graph.NormForward(x, y, new(scale, mean, inverse), scale, scale, null));
        Refuses("half: fp32 1 x 8 x 1 x 1 should be", () => graph.NormBackward(x, y, new(scale, mean, inverse), y, scale, half));
        GraphTensor odd = graph.Tensor("odd", BFloat16, 2, 3, 3, 60);
        Refuses("multiple of 8", () => graph.NormForward(odd, odd, new(scale, mean, inverse), scale, epsilon, null));
    }

    [Fact]
    public void Pooling_has_an_index_of_bytes()
    {
        var graph = new OperationGraph("g");
        GraphTensor x = graph.Tensor("x", BFloat16, 2, 9, 9, 8), y = graph.Tensor("y", BFloat16, 2, 5, 5, 8);
        Refuses("should be int8", () => graph.Pool(x, y, graph.Tensor("wide", Float32, 2, 5, 5, 8), Three));
        Refuses("should be int8", () => graph.Pool(x, y, graph.Tensor("short", cudnnDataType_t.CUDNN_DATA_INT8, 1, 5, 5, 8), Three));
        GraphTensor index = graph.Tensor("index", cudnnDataType_t.CUDNN_DATA_INT8, 2, 5, 5, 8);
        Refuses("should be 2 x 8 x 3 x 3", () => graph.Pool(x, y, index, new GraphWindow(3, 3, 0)));
    }

    [Fact]
    public void Only_a_comparison_gives_bits()
    {
        var graph = new OperationGraph("g");
        GraphTensor x = graph.Tensor("x", BFloat16, 2, 9, 9, 8), y = graph.Tensor("y", BFloat16, 2, 9, 9, 8);
        GraphTensor bits = graph.Tensor("bits", cudnnDataType_t.CUDNN_DATA_BOOLEAN, 2, 9, 9, 8);
        Refuses("only a comparison", () => graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD, x, y, bits));
        Refuses("only a comparison", () => graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_CMP_GT, x, y, y));
        Refuses("for each channel", () => graph.Pointwise(
            cudnnPointwiseMode_t.CUDNN_POINTWISE_ADD, x, graph.Channels("b", 4), y));
    }

    [Fact]
    public void A_tensor_belongs_to_its_graph()
    {
        GraphTensor other = new OperationGraph("other").Tensor("x", BFloat16, 2, 9, 9, 8);
        var graph = new OperationGraph("g");
        Refuses("another graph, other", () => graph.Relu(other, graph.Tensor("y", BFloat16, 2, 9, 9, 8)));
    }

    [Fact]
    public void A_virtual_value_is_written_before_it_is_read()
    {
        var graph = new OperationGraph("g");
        GraphTensor y = graph.Tensor("y", BFloat16, 2, 9, 9, 8), nobody = graph.Virtual("nobody", Float32, y);
        graph.Relu(nobody, y);
        Incomplete("no operation before 'y = relu(nobody)' writes the virtual nobody", graph);
    }

    [Fact]
    public void A_tensor_is_used()
    {
        OperationGraph graph = Convolution(out _, out _, out GraphTensor y);
        graph.Virtual("sum", Float32, y);
        Incomplete("nothing uses sum", graph);
        Incomplete("no operation", new OperationGraph("empty"));
        OperationGraph unread = Convolution(out _, out _, out y);
        unread.Relu(y, unread.Virtual("unread", Float32, y));
        Incomplete("nothing uses unread", unread);
    }

    [Fact]
    public void A_tensor_is_written_once()
    {
        OperationGraph graph = Convolution(out GraphTensor x, out GraphTensor w, out GraphTensor y);
        graph.Convolution(x, w, y, Three);
        Incomplete("writes y, which", graph);
    }

    private static OperationGraph Convolution(out GraphTensor x, out GraphTensor w, out GraphTensor y)
    {
        var graph = new OperationGraph("conv");
        (x, w) = (graph.Tensor("x", BFloat16, 2, 9, 9, 8), graph.Tensor("w", BFloat16, 16, 3, 3, 8));
        y = graph.Tensor("y", BFloat16, 2, 5, 5, 16);
        graph.Convolution(x, w, y, Three);
        return graph;
    }

    private static void Refuses(string part, Action action) => Assert.Contains(part, Assert.Throws<ArgumentException>(action).Message);

    private static void Incomplete(string part, OperationGraph graph)
    {
        string message = Assert.Throws<InvalidOperationException>(graph.Validate).Message;
        Assert.Contains(part, message);
        Assert.Contains(graph.ToString(), message);
    }
}
