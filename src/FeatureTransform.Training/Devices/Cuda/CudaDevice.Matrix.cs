using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Linear layers: products by cuBLASLt, bias and ReLU in the epilogue of the forward one.</summary>
internal sealed unsafe partial class CudaDevice
{
    private readonly CuBlasLt blas;
    private readonly BiasRelu biasRelu;

    private ProductPrecision Products => precision switch
    {
        CudaPrecision.BFloat16 => ProductPrecision.BFloat16,
        CudaPrecision.TensorFloat32 => ProductPrecision.TensorFloat32,
        _ => ProductPrecision.Float32,
    };

    /// <summary>y = relu(x W^T + b); in bf16 the bias is the rounded one, as the library wants it in the type of y.</summary>
    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        var parameters = (CudaParameterStore)store;
        (int outputs, int inputs) = (weight.Shape[0], weight.Shape[1]);
        Tensor y = Allocate(type, x.N, 1, 1, outputs);
        Multiply(
            new MatrixProduct(
                x.N, outputs, inputs, TransposeA: false, TransposeB: true, Products, RoundsResult: type == ElementType.BFloat16,
                relu ? ProductEpilogue.BiasRelu : ProductEpilogue.Bias),
            (ulong)x.Data, parameters.WeightOf(weight), parameters.WeightOf(bias), (ulong)y.Data);
        return y;
    }

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        var parameters = (CudaParameterStore)store;
        (int outputs, int inputs) = (weight.Shape[0], weight.Shape[1]);
        biasRelu.Launch(stream, type, new BiasReluArgs
        {
            Dy = (ulong)dy.Data,
            Y = relu ? (ulong)y.Data : 0,
            Gradient = parameters.GradientOf(bias),
            N = (uint)dy.N,
            C = (uint)outputs,
        });
        Multiply(
            new MatrixProduct(
                outputs, inputs, dy.N, TransposeA: true, TransposeB: false, Products, RoundsResult: false, ProductEpilogue.None),
            (ulong)dy.Data, (ulong)x.Data, 0, parameters.GradientOf(weight));                  // dW = dy^T x: Out x In
        Tensor dx = Allocate(type, dy.N, 1, 1, inputs);
        Multiply(
            new MatrixProduct(
                dy.N, inputs, outputs, TransposeA: false, TransposeB: false, Products, RoundsResult: type == ElementType.BFloat16,
                ProductEpilogue.None),
            (ulong)dy.Data, parameters.WeightOf(weight), 0, (ulong)dx.Data);                   // dx = dy W: N x In
        return dx;
    }

    /// <summary>A product in the device's stream, as <see cref="CuBlasLt.Multiply"/> has it.</summary>
    public void Multiply(in MatrixProduct product, ulong a, ulong b, ulong bias, ulong d) =>
        blas.Multiply(product, a, b, bias, d, Workspace(blas.GetWorkspaceBytes(product, bias)), stream);
}
