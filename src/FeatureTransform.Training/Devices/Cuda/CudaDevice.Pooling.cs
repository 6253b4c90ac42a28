using FeatureTransform.Native.Cuda;
using GlobalAverageKernel = FeatureTransform.Native.Cuda.GlobalAverage;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Maxima by cuDNN, where the place of one in its window is a byte; means by a kernel of our own.</summary>
internal sealed unsafe partial class CudaDevice
{
    private readonly GlobalAverageKernel globalAverage;

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        PoolShape shape = PoolShape.Max(x);
        Tensor y = Allocate(type, x.N, shape.OutH, shape.OutW, x.C);
        indices = AllocateBytes(y.Count);
        Execute(layers.MaxPool[shape], (ulong)x.Data, (ulong)y.Data, (ulong)indices.Data);
        return y;
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices)
    {
        Tensor dx = Allocate(type, x.N, x.H, x.W, x.C);
        Execute(layers.MaxPoolBackward[PoolShape.Max(x)], (ulong)dy.Data, (ulong)indices.Data, (ulong)dx.Data);
        return dx;
    }

    public Tensor GlobalAverage(Tensor x)
    {
        Tensor y = Allocate(type, x.N, 1, 1, x.C);
        globalAverage.Forward(stream, AverageArgs(x, y, x));
        return y;
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        Tensor dx = Allocate(type, dy.N, h, w, dy.C);
        globalAverage.Backward(stream, AverageArgs(dy, dx, dx));
        return dx;
    }

    private static GlobalAverageArgs AverageArgs(Tensor from, Tensor to, Tensor images) => new()
    {
        From = (ulong)from.Data,
        To = (ulong)to.Data,
        Pixels = (uint)(images.H * images.W),
        N = (uint)images.N,
        C = (uint)images.C,
    };
}
