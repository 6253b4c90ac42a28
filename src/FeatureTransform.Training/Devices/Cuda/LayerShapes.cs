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
/// <param name="Running">Whether running statistics are written.</param>
/// <param name="Shortcut">Whether a shortcut is added.</param>
/// <param name="Relu">Whether a ReLU follows.</param>
/// <param name="Mask">Forward: whether the bits of where the ReLU passes are written; backward: whether they are applied.</param>
internal readonly record struct NormShape(
    ElementType Type, int N, int H, int W, int C, bool Running, bool Shortcut, bool Relu, bool Mask)
{
    /// <summary>
    /// Running statistics follow the first group. Where a shortcut shares the gradient before the ReLU, that gradient must be
    /// stored, for which the output tells where the ReLU passes; elsewhere the backward pass applies the bits on its way.
    /// </summary>
    public static NormShape Forward(Tensor x, int groups, int group, bool shortcut, bool relu) =>
        new(x.Type, x.N / groups, x.H, x.W, x.C, group == 0, shortcut, relu, relu && !shortcut);

    public static NormShape Backward(Tensor x, int groups, bool masked) =>
        new(x.Type, x.N / groups, x.H, x.W, x.C, Running: false, Shortcut: false, Relu: false, masked);

    /// <summary>Bytes of the mask.</summary>
    public long MaskBytes => (((long)N * H * W * C) + 7) / 8;
}

/// <summary>Pooling of windows of N x H x W x C by its shape.</summary>
internal readonly record struct PoolShape(ElementType Type, int N, int H, int W, int C, GraphWindow Window)
{
    public static PoolShape Max(Tensor x) => new(x.Type, x.N, x.H, x.W, x.C, new GraphWindow(3, 2, 1));

    public int OutH => (int)Window.Rows(H);

    public int OutW => (int)Window.Columns(W);
}
