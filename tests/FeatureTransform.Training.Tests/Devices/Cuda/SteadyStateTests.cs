using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>Once a layer has run it asks neither for managed memory nor for more of the device's: on a GPU, as the emulator allocates.</summary>
public sealed class SteadyStateOnGpu
{
    [Fact]
    public void Layers_allocate_nothing()
    {
        using LayerBench bench = Open<OnRealCuda>();
        (ParameterStore store, NormParameters norm) = bench.Norm(64);
        var layout = new ParameterLayout();
        Parameter weight = layout.Add("w", ParameterKind.Convolution, 64, 64, 3, 3);
        ParameterStore filters = bench.Store(layout);
        Tensor x = bench.Image(bench.Random(4 * 8 * 8 * 64, 1), 4, 8, 8, 64);
        Step(); // plans, and the arena's first block
        Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        bench.Free(x);

        void Step()
        {
            Tensor y = bench.Device.Convolution(x, filters, weight, 1, 1);
            Tensor z = bench.Device.BatchNorm(y, default, store, norm, true, 1, out Tensor statistics);
            Tensor pooled = bench.Device.MaxPool(z, out Tensor indices);
            Tensor dz = bench.Device.MaxPoolBackward(pooled, z, indices);
            Tensor dy = bench.Device.BatchNormBackward(ref dz, default, y, z, store, norm, shortcut: false, relu: true, 1, statistics);
            Tensor dx = bench.Device.ConvolutionBackward(dy, x, filters, weight, 1, 1, inputGradient: true);
            bench.Free(y, z, statistics, pooled, indices, dz, dy, dx);
        }
    }

    private static LayerBench Open<TDevice>()
        where TDevice : ILayerDevice => TDevice.Open(CudaPrecision.BFloat16);
}
