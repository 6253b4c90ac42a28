namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>Pooling by cuDNN. The place of a maximum in its window is a byte.</summary>
internal sealed unsafe partial class CudaDevice
{
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
        Execute(layers.Average[PoolShape.Global(x)], (ulong)x.Data, (ulong)y.Data);
        return y;
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        Tensor dx = Allocate(type, dy.N, h, w, dy.C);
        Execute(layers.AverageBackward[PoolShape.Global(dx)], (ulong)dy.Data, (ulong)dx.Data);
        return dx;
    }
}
