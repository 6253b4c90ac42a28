using FeatureTransform.Native;
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
        string[] work = WorkOfSecondStep(options);
        string kinds = string.Join(", ", work.CountBy(line => line.Split(' ', 2)[0]).Select(kind => $"{kind.Value} {kind.Key}"));
        output.WriteLine($"{work.Length} launches: {kinds}");

        // The network as it is known: 53 convolutions, each with a normalisation, forward in both encoders and backward in one.
        Assert.Equal(2 * 53, Count("cuDNN convolution_forward"));
        Assert.Equal(53, Count("cuDNN convolution_backward_filter"));
        Assert.Equal(52, Count("cuDNN convolution_backward_data"));
        Assert.Equal(2 * 53, Count("cuDNN norm_forward"));
        Assert.Equal(53, work.Count(line => line.Contains("norm_backward", StringComparison.Ordinal)));
        Assert.Equal((2 * 2) + 4, Count("product"));
        Assert.Equal(2, work.Count(line => line == $"copy to device: {n * size * size * 3 * sizeof(float)} bytes"));
        Assert.True(work.Length <= most, $"{work.Length} launches: {kinds}");

        int Count(string prefix) => work.Count(line => line.StartsWith(prefix, StringComparison.Ordinal));
    }

    private static string[] WorkOfSecondStep(PretrainOptions options)
    {
        var views = new float[options.Optimizer.BatchSize * options.Data.ImageSize * options.Data.ImageSize * 3];
        IDisposable? recording = null;
        try
        {
            using var cuda = new EmulatedCuda(CudaPrecision.BFloat16, separate: false, record: emulator =>
            {
                var recorder = new CallRecorder(emulator, computes: false);
                recording = recorder.Record();
                return recorder;
            });
            cuda.Device.Reserve(options);
            using var moco = new MoCo(cuda.Device, options);
            _ = moco.Step(views, views, 0, transform: true, learningRate: 0.03f);
            _ = cuda.Recorder!.Record();
            _ = moco.Step(views, views, 1, transform: true, learningRate: 0.03f);
            return [.. cuda.Recorder.Work];
        }
        finally
        {
            recording?.Dispose();
        }
    }
}
