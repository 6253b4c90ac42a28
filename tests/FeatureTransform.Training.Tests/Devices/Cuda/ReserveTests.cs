using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Runs;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

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

    [Fact]
    public void A_person_is_told_how_many_plans_are_made_and_nothing_where_all_are_on_disk()
    {
        var options = new PretrainOptions { Data = new DataOptions { ImageSize = 8 }, Optimizer = new OptimizerOptions { BatchSize = 2 } };
        using var folder = new TemporaryFolder();
        using var cuda = new EmulatedCuda(CudaPrecision.BFloat16);
        int made = 0;
        foreach (bool first in new[] { true, false })
        {
            var messages = new List<string>();
            using CudaDevice device = cuda.OpenAnother(CudaPrecision.BFloat16, new KernelCache(folder.Path), messages.Add);
            device.Reserve(options);
            if (first)
            {
                made = Directory.GetFiles(folder.Path).Length;
                Assert.True(made > 40, $"only {made} plans");
                Assert.Equal(
                    $"cuDNN makes {made} plans for the layers at this batch size, each in a fraction of a second; later runs find them on disk.",
                    Assert.Single(messages));
                device.Reserve(options);
                Assert.Single(messages);
            }
            else
            {
                Assert.Empty(messages);
            }
        }

        // A larger batch needs plans of its own.
        var more = new List<string>();
        using CudaDevice other = cuda.OpenAnother(CudaPrecision.BFloat16, new KernelCache(folder.Path), more.Add);
        other.Reserve(options with { Optimizer = options.Optimizer with { BatchSize = 4 } });
        Assert.StartsWith($"cuDNN makes {made} plans ", Assert.Single(more), StringComparison.Ordinal);
    }
}
