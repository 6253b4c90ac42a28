using FeatureTransform.LibTorch;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Steps of a small ResNet in fp32, beside the CPU where LibTorch is there; elsewhere on one batch against one queue, whose loss must
/// fall.
/// </summary>
internal static class SelfTestTraining
{
    private const int N = 16, Size = 8, Steps = 3;
    private const float LearningRate = 0.001f;

    // The tolerance of the tests for ten such steps.
    private const double Bound = 1e-4;

    private static readonly PretrainOptions Options = new()
    {
        Data = new DataOptions { ImageSize = Size },
        Model = new ModelOptions { Width = 0.25f, EmbeddingSize = 32 },
        Method = new MethodOptions { QueueSize = 40, BatchNormGroups = 1 },
        Optimizer = new OptimizerOptions { BatchSize = N },
    };

    public static IEnumerable<SelfTestCheck> Run(CudaDevice device, bool emulated)
    {
        using var given = new MoCo(device, Options);
        yield return HasLibTorch() ? BesideCpu(given, Time) : Falling(given, Time);

        double? Time() => emulated ? null : new DeviceTimer(device.Stream).Direct(() => _ = Step(given, Steps));
    }

    private static SelfTestCheck BesideCpu(MoCo given, Func<double?> time)
    {
        using var cpu = new CpuDevice(ElementType.Float32, 0);
        using var expected = new MoCo(cpu, Options);
        double error = 0;
        for (int step = 0; step < Steps; step++)
        {
            error = Math.Max(error, Math.Abs((double)Step(given, step) - Step(expected, step)));
        }

        return new($"training, {Steps} steps: losses beside the CPU, largest", error, Bound, time());
    }

    private static SelfTestCheck Falling(MoCo given, Func<double?> time)
    {
        var queue = new FeatureQueue(Options.Method.QueueSize, Options.Model.EmbeddingSize);
        queue.Initialize(Options.Run.Seed);
        float[] losses = [.. Enumerable.Range(0, Steps).Select(_ =>
        {
            given.WriteQueue(queue);
            return Step(given, 0);
        })];
        double left = losses.Zip(losses.Skip(1), (before, after) => (double)after / before).Max();
        return new($"training, {Steps} steps: loss over the one before, largest", left, Math.BitDecrement(1.0), time());
    }

    // The transformation begins with the second step.
    private static float Step(MoCo moco, int step)
    {
        float[] image = DeviceBuffers.Uniform(N * Size * Size * 3, 3 * step);
        var batch = new ViewBatch(N, Size);
        Fill(batch.View1, 1);
        Fill(batch.View2, 2);
        moco.Step(batch, (uint)step, transform: step > 0, LearningRate);
        return moco.Read();

        void Fill(float[] view, int number)
        {
            float[] other = DeviceBuffers.Uniform(image.Length, (3 * step) + number);
            for (int i = 0; i < view.Length; i++)
            {
                view[i] = image[i] + (0.5f * other[i]);
            }
        }
    }

    private static bool HasLibTorch()
    {
        try
        {
            return ATen.Version.Length > 0;
        }
        catch (TypeInitializationException error) when (error.InnerException is DllNotFoundException)
        {
            return false;
        }
    }
}
