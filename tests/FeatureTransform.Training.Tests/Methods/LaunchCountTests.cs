using System.Buffers;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>
/// How much work a step of a real size gives to the device. It is counted, not estimated: MoCo runs on the CUDA device, whose
/// libraries plan as for that size, while launches of our kernels, executions of cuDNN, products of cuBLASLt, copies and fills are
/// written down and not done. One of each counts as a launch; what a library launches within one call is not seen.
/// </summary>
public sealed class LaunchCountTests(ITestOutputHelper output)
{
    [Fact]
    public void A_step_of_ResNet50_at_224_pixels_has_at_most_600_launches()
    {
        const int n = 256, size = 224, most = 600;
        var options = new PretrainOptions
        {
            Data = new DataOptions { ImageSize = size },
            Model = new ModelOptions { Architecture = "resnet50", Stem = "standard", Width = 1 },
            Method = new MethodOptions { QueueSize = 65536 },
            Optimizer = new OptimizerOptions { BatchSize = n },
        };
        string[] work = WorkOfStep(options, 1, cudaGraph: false);
        string kinds = string.Join(", ", work.CountBy(line => line.Split([' ', ':'], 2)[0]).Select(kind => $"{kind.Value} {kind.Key}"));
        output.WriteLine($"{work.Length} launches: {kinds}");

        // The network as it is known: 53 convolutions, each with a normalisation, forward in both encoders and backward in one.
        Assert.Equal(2 * 53, Count("cuDNN convolution_forward"));
        Assert.Equal(53, Count("cuDNN convolution_backward_filter"));
        Assert.Equal(52, Count("cuDNN convolution_backward_data"));
        Assert.Equal(2 * 53, Count("cuDNN norm_forward"));
        Assert.Equal(53, work.Count(line => line.Contains("norm_backward", StringComparison.Ordinal)));
        Assert.Equal((2 * 2) + 4, Count("product"));
        Assert.Equal(6, Count("launch augment_"));
        Assert.Equal(1 + (256 / PairBatch.ImagesPerSlice), Count("copy to device"));
        Assert.True(work.Length <= most, $"{work.Length} launches: {kinds}");

        // As a graph: the images in, slice by slice behind how their views are made, the learning rate, the step, the results out.
        string[] replayed = WorkOfStep(options, 2, cudaGraph: true);
        Assert.Equal(
            [.. Enumerable.Repeat("copy to device", 1 + (256 / PairBatch.ImagesPerSlice)), "copy on device", "fill", "graph", "copy to host"],
            replayed.Select(line => line.Split(':')[0]));

        int Count(string prefix) => work.Count(line => line.StartsWith(prefix, StringComparison.Ordinal));
    }

    private static string[] WorkOfStep(PretrainOptions options, uint last, bool cudaGraph)
    {
        (int n, int size) = (options.Optimizer.BatchSize, options.Data.ImageSize);
        var images = new ImageBatch(n, MemoryPool<byte>.Shared);
        var augmenter = new Augmenter(AugmentationRecipe.Named(options.Data.Augmentation, size), size, seed: 1);
        var image = new RgbImage(new byte[size * size * 3], size, size, 0);
        for (int i = 0; i < n; i++)
        {
            images.Add(augmenter, image, i);
        }

        IDisposable? recording = null;
        try
        {
            using var cuda = new EmulatedCuda(
                CudaPrecision.BFloat16, separate: false, cudaGraph: cudaGraph, record: emulator =>
                {
                    var recorder = new CallRecorder(emulator, computes: false);
                    recording = recorder.Record();
                    return recorder;
                });
            cuda.Device.Reserve(options);
            using var moco = new MoCo(cuda.Device, options);
            for (uint step = 0; step <= last; step++)
            {
                _ = cuda.Recorder!.Record();
                _ = moco.StepAndRead(images, step, transform: true, learningRate: 0.03f);
            }

            Assert.DoesNotContain(cuda.Reports, report => report.Contains("CUDA graph", StringComparison.Ordinal));
            return [.. cuda.Recorder!.Work];
        }
        finally
        {
            recording?.Dispose();
        }
    }
}
