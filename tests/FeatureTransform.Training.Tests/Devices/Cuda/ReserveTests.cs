using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>What a device has before the first step.</summary>
public sealed class ReserveTests
{
    [Theory]
    [InlineData("cifar", 1)]
    [InlineData("standard", 2)]
    public void A_step_plans_nothing_that_was_not_planned_before_it(string stem, int groups)
    {
        const int n = 2, size = 16;
        using var cuda = new EmulatedCuda(CudaPrecision.BFloat16);
        var options = new PretrainOptions
        {
            Data = new DataOptions { ImageSize = size },
            Model = new ModelOptions { Stem = stem },
            Method = new MethodOptions { BatchNormGroups = groups, QueueSize = 64 },
            Optimizer = new OptimizerOptions { BatchSize = n },
        };
        cuda.Device.Reserve(options);
        using var encoder = new Encoder(cuda.Device, options.Model, trained: true);
        Initialization.Fill(encoder.Store, seed: 1);
        IReadOnlyDictionary<string, int> before = cuda.Emulator.CuDnn.Calls;
        float[] pixels = LayerNumbers.Random(ElementType.Float32, n * size * size * 3, 1);
        Tensor embeddings = encoder.Forward(cuda.Device.Images(pixels, n, size), new ForwardMode(BatchStatistics: true, KeepForBackward: true, groups));
        encoder.Backward(cuda.Device.Upload(new float[embeddings.Count], n, embeddings.C));
        IReadOnlyDictionary<string, int> after = cuda.Emulator.CuDnn.Calls;

        // One descriptor an execution, the pack of addresses; a plan would need many.
        int executions = Since("cudnnBackendExecute");
        Assert.True(executions > 90, $"only {executions} executions");
        Assert.Equal(executions, Since("cudnnBackendCreateDescriptor"));

        int Since(string call) => after[call] - before.GetValueOrDefault(call);
    }
}
