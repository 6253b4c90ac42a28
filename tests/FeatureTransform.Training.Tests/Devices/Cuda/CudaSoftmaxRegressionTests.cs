using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Tests.Evaluation;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>The linear classifier on the CUDA device beside its formulas in fp64, and beside that of the CPU.</summary>
public abstract class CudaSoftmaxRegressionTests<TDevice>
    where TDevice : ILayerDevice
{
    [Fact]
    public void Many_steps_equal_sgd_in_double()
    {
        using LayerBench cuda = TDevice.Open(CudaPrecision.BFloat16); // of the encoder: the classifier is fp32
        SoftmaxRegressionTests.RequireSgdInDouble(cuda.Device.CreateSoftmaxRegression);
    }

    [Fact]
    public void Losses_of_many_steps_are_counted_and_one_that_is_not_finite_stays()
    {
        const int n = 6, c = 3, classes = 2;
        var set = new FeatureSet(LayerNumbers.Random(ElementType.Float32, n * c, 1), [0, 1, 1, 0, 1, 0], c);
        int[] rows = [.. Enumerable.Range(0, n)];
        using LayerBench cuda = TDevice.Open(CudaPrecision.Float32);
        using ISoftmaxRegression given = cuda.Device.CreateSoftmaxRegression(Standardization.Identity(c), classes, n);
        using var expected = new CpuSoftmaxRegression(Standardization.Identity(c), classes, n, threads: 1);
        for (int take = 0; take < 2; take++)
        {
            for (int step = 0; step < 300; step++)
            {
                given.Step(set, rows, step % 2, n - 1, 0.01f, 0.9f);
                expected.Step(set, rows, step % 2, n - 1, 0.01f, 0.9f);
            }

            Assert.Equal(expected.TakeLoss(), given.TakeLoss(), 1e-5);
        }

        var large = new FeatureSet([.. set.Values.Select(value => 100 * value)], set.Labels, c);
        for (int step = 0; step < 3; step++)
        {
            given.Step(large, rows, 0, n, 3e38f, 0.9f);
        }

        Assert.False(double.IsFinite(given.TakeLoss()));
    }
}

public sealed class CudaSoftmaxRegressionOnEmulator : CudaSoftmaxRegressionTests<OnEmulatedCuda>;

public sealed class CudaSoftmaxRegressionOnGpu : CudaSoftmaxRegressionTests<OnRealCuda>;
