namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Layers that are not there yet.</summary>
internal sealed unsafe partial class CudaDevice
{
    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding) =>
        throw new NotSupportedException();

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient) =>
        throw new NotSupportedException();

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics) =>
        throw new NotSupportedException();

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) =>
        throw new NotSupportedException();

    public Tensor BatchNormBackward(
        Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool relu, int groups, Tensor statistics) =>
        throw new NotSupportedException();

    public Tensor MaxPool(Tensor x, out Tensor indices) => throw new NotSupportedException();

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices) => throw new NotSupportedException();

    public Tensor GlobalAverage(Tensor x) => throw new NotSupportedException();

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w) => throw new NotSupportedException();
}
