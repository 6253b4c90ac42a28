using FeatureTransform.Cuda;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>A convolution by its shape: N x H x W x C with filters K x R x R x C, in one type.</summary>
internal readonly record struct ConvolutionShape(ElementType Type, int N, int H, int W, int C, int K, int R, int Stride, int Padding)
{
    public static ConvolutionShape Of(Tensor x, Parameter weight, int stride, int padding) =>
        new(x.Type, x.N, x.H, x.W, x.C, weight.Shape[0], weight.Shape[2], stride, padding);

    public GraphWindow Window => new(R, Stride, Padding);

    public int OutH => (int)Window.Rows(H);

    public int OutW => (int)Window.Columns(W);
}

/// <summary>A batch normalisation by its shape and by what is fused with it.</summary>
/// <param name="Type">Of the activations.</param>
/// <param name="N">Images of one group.</param>
/// <param name="H">Rows of pixels.</param>
/// <param name="W">Pixels in a row.</param>
/// <param name="C">Channels, a multiple of 8.</param>
/// <param name="Running">Forward: whether running statistics are written.</param>
/// <param name="Shortcut">Whether a shortcut is added; backward: whether its gradient, that before the ReLU, is stored.</param>
/// <param name="Relu">Whether a ReLU follows, which leaves the bits of where it passes for the backward pass.</param>
/// <param name="TwoSummands">Backward: whether dy comes as two summands.</param>
internal readonly record struct NormShape(
    ElementType Type, int N, int H, int W, int C, bool Running, bool Shortcut, bool Relu, bool TwoSummands)
{
    /// <summary>Running statistics follow the first group.</summary>
    public static NormShape Forward(Tensor x, int groups, int group, bool shortcut, bool relu) =>
        new(x.Type, x.N / groups, x.H, x.W, x.C, group == 0, shortcut, relu, TwoSummands: false);

    /// <summary>Without a ReLU and a second summand, dy itself is the shortcut's gradient.</summary>
    public static NormShape Backward(Tensor x, int groups, bool shortcut, bool relu, bool twoSummands) =>
        new(x.Type, x.N / groups, x.H, x.W, x.C, Running: false, shortcut && (relu || twoSummands), relu, twoSummands);

    /// <summary>Bytes of the bits of where the ReLU passes.</summary>
    public long MaskBytes => Relu ? (((long)N * H * W * C) + 7) / 8 : 0;
}

/// <summary>Pooling of windows of N x H x W x C by its shape.</summary>
internal readonly record struct PoolShape(ElementType Type, int N, int H, int W, int C, GraphWindow Window)
{
    public static PoolShape Max(Tensor x) => new(x.Type, x.N, x.H, x.W, x.C, new GraphWindow(3, 2, 1));

    public int OutH => (int)Window.Rows(H);

    public int OutW => (int)Window.Columns(W);
}
