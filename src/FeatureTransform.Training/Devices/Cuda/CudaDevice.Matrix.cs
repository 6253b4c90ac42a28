namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Linear layers.</summary>
internal sealed unsafe partial class CudaDevice
{
    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        throw new NotSupportedException();

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        throw new NotSupportedException();
}
