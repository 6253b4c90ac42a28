using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Convolutions by cuDNN, on filters as the store keeps them.</summary>
internal sealed unsafe partial class CudaDevice
{
    /// <summary>Is told before cuDNN makes plans that no earlier run has left on disk.</summary>
    public Action<string>? Report
    {
        init => layers.Report = value;
    }

    /// <summary>x has as many channels as the filter with its padding.</summary>
    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        var parameters = (CudaParameterStore)store;
        ConvolutionShape shape = ShapeOf(x, parameters, weight, stride, padding);
        Tensor y = Allocate(type, x.N, shape.OutH, shape.OutW, shape.K);
        Execute(layers.Convolution[shape], (ulong)x.Data, parameters.WeightOf(weight), (ulong)y.Data);
        return y;
    }

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient)
    {
        var parameters = (CudaParameterStore)store;
        ConvolutionShape shape = ShapeOf(x, parameters, weight, stride, padding);
        Execute(layers.ConvolutionBackwardFilter[shape], (ulong)dy.Data, (ulong)x.Data, parameters.FilterGradientOf(weight));
        parameters.FilterGradientWritten(weight);
        if (!inputGradient)
        {
            return default;
        }

        Tensor dx = Allocate(type, x.N, x.H, x.W, x.C);
        Execute(layers.ConvolutionBackwardData[shape], (ulong)dy.Data, parameters.WeightOf(weight), (ulong)dx.Data);
        return dx;
    }

    private static ConvolutionShape ShapeOf(Tensor x, CudaParameterStore parameters, Parameter weight, int stride, int padding) =>
        parameters.ChannelsOf(weight) == x.C
            ? ConvolutionShape.Of(x, weight, stride, padding)
            : throw new ArgumentException($"{weight.Name} has {parameters.ChannelsOf(weight)} channels, its input {x.C}.", nameof(weight));

    private void Execute(GraphPlan plan, params ReadOnlySpan<ulong> addresses) =>
        plan.Execute(layers.Handle, addresses, Workspace(plan.WorkspaceBytes));
}
