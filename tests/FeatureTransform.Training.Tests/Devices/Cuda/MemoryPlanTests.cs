using FeatureTransform.Native;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>What a run will need of device memory.</summary>
public sealed class MemoryPlanTests
{
    private const double Gigabyte = 1e9;

    [Fact]
    public void ResNet50_at_224_pixels_with_a_batch_of_256_fits_a_device_of_24_gigabytes()
    {
        MemoryPlan plan = MemoryPlan.Of(ResNet50(256), CudaPrecision.BFloat16);
        Assert.InRange(plan.Total / Gigabyte, 10, 18);

        // Each pair of a convolution's and its normalisation's output is kept: 11.1 M elements an image each, by the shapes of the paper.
        Assert.InRange(plan.Activations / (256.0 * 2 * 2 * 11.1e6), 1, 1.3);

        // 23.5 M parameters and the head's 4.5 M: once trained, 16 bytes each, and twice frozen with 6.
        Assert.InRange(plan.Parameters / (28.0e6 * (16 + 6 + 6)), 0.99, 1.01);
    }

    [Fact]
    public void ResNet18_of_CIFAR_with_a_batch_of_512_fits_into_3_gigabytes()
    {
        MemoryPlan plan = MemoryPlan.Of(ResNet18(512), CudaPrecision.BFloat16);
        Assert.InRange(plan.Total / Gigabyte, 1.5, 3);
    }

    [Fact]
    public void A_run_that_does_not_fit_is_told_what_would()
    {
        string message = Assert.Throws<InvalidInputException>(
            () => MemoryPlan.Require(ResNet50(256), CudaPrecision.BFloat16, (long)(12 * Gigabyte), "Some GPU")).Message;
        Assert.Matches(
            @"^The run needs 1\d\.\d\d GB \(activations .*, parameters .*, workspace .*, queue .*, images .*\) of device memory, and Some GPU has 12\.00 GB free: --batch 128 fits with \d\.\d\d GB\.$",
            message);
        message = Assert.Throws<InvalidInputException>(
            () => MemoryPlan.Require(ResNet50(256), CudaPrecision.BFloat16, (long)(0.5 * Gigabyte), "Some GPU")).Message;
        Assert.EndsWith("choose a smaller encoder, smaller images or a smaller queue.", message, StringComparison.Ordinal);
    }

    private static PretrainOptions ResNet50(int batch) => new()
    {
        Data = new DataOptions { ImageSize = 224 },
        Model = new ModelOptions { Architecture = "resnet50", Stem = "standard", Width = 1 },
        Method = new MethodOptions { QueueSize = 65536 },
        Optimizer = new OptimizerOptions { BatchSize = batch },
    };

    private static PretrainOptions ResNet18(int batch) => new()
    {
        Data = new DataOptions { ImageSize = 32 },
        Model = new ModelOptions { Width = 1 },
        Method = new MethodOptions { QueueSize = 65536 },
        Optimizer = new OptimizerOptions { BatchSize = batch },
    };
}
