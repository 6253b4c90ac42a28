using System.Diagnostics;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.TrainingStep;

/// <summary>
/// Speed of MoCo's whole step (ResNet-18, CIFAR stem, 32 px, FT both), where its time goes, its share of the machine's
/// arithmetic limit, and the same step by ATen operators one by one in the same run.
/// </summary>
internal static class TrainingStepReport
{
    private const int ImageSize = 32, Rounds = 5;

    // Multiply-adds of one ResNet-18 forward pass with the CIFAR stem at 32 px, width 1, MLP head 512-512-128.
    private const double ForwardMultiplyAdds = 555_417_600 + (512 * 512) + (512 * 128);
    private const double FlopsOfPair = 4 * 2 * ForwardMultiplyAdds; // forward of both encoders, backward twice a forward

    public static void Run()
    {
        int threads = Environment.ProcessorCount;
        foreach (ElementType type in new[] { ElementType.BFloat16, ElementType.Float32 })
        {
            double? peak = type == ElementType.Float32 ? PeakMeter.Measure(threads) : BFloat16PeakMeter.Measure(threads);
            Measure(type, threads, 256, peak);
        }
    }

    private static void Measure(ElementType type, int threads, int n, double? peak)
    {
        var options = new PretrainOptions
        {
            Data = new DataOptions { ImageSize = ImageSize },
            Model = new ModelOptions { Width = 1 },
            Optimizer = new OptimizerOptions { BatchSize = n },
            Method = new MethodOptions { QueueSize = 4096 },
        };
        using var ours = new CpuDevice(type, threads);
        using var timed = new TimedDevice(ours);
        using var baseline = new AtenDevice(ours, type);
        using MoCo a = new(timed, options), b = new(baseline, options);
        var batch = new ViewBatch(n, ImageSize);
        Noise(n, 1).CopyTo(batch.View1, 0);
        batch.View1.Zip(Noise(n, 2), (x, y) => x + (0.3f * y)).ToArray().CopyTo(batch.View2, 0);

        // Correct before timed: the same losses over two steps, and no allocation.
        uint step = 0;
        for (; step < 2; step++)
        {
            float mine = Step(a, batch, step), theirs = Step(b, batch, step);
            double bound = type == ElementType.Float32 ? 1e-4 : 2e-2;
            if (!(Math.Abs(mine - theirs) <= bound * theirs))
            {
                throw new InvalidOperationException($"The losses of step {step} differ: {mine} and {theirs}.");
            }
        }

        timed.Reset();
        var (mineSeconds, theirSeconds) = (new double[Rounds], new double[Rounds]);
        long allocated = 0;
        for (int round = 0; round < Rounds; round++, step++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            mineSeconds[round] = Time(a, batch, step);
            allocated += GC.GetTotalAllocatedBytes(precise: true) - before;
            theirSeconds[round] = Time(b, batch, step);
        }

        double median = mineSeconds.Order().ElementAt(Rounds / 2), reference = theirSeconds.Order().ElementAt(Rounds / 2);
        Console.WriteLine($"ResNet-18, CIFAR stem, batch {n}, K 4096, FT both, {ours.Description}");
        Console.WriteLine($"  step {median * 1e3:F0} ms, {n / median:F1} pairs/s; ATen operators one by one {reference * 1e3:F0} ms; ratio {reference / median:F3}");
        if (peak is { } limit)
        {
            Console.WriteLine(
                $"  {n * FlopsOfPair / median / 1e9:F0} of {limit:F0} GFLOP/s: {100 * n * FlopsOfPair / median / 1e9 / limit:F1} % of the measured peak");
        }

        Console.WriteLine($"  managed allocation {allocated / Rounds} bytes a step");
        timed.Print(Rounds, mineSeconds.Average());
        double loss = TimeLoss(options, n);
        Console.WriteLine($"  of the rest: loss, gradient and statistics {loss * 1e3:F1} ms {100 * loss / median:F2} %");
    }

    /// <summary>The contrastive step alone at the same shapes, seconds.</summary>
    private static double TimeLoss(PretrainOptions options, int n)
    {
        const int rounds = 21;
        int c = options.Model.EmbeddingSize;
        using var contrast = new ContrastiveStep(options.FeatureTransform(), n, c);
        var queue = new FeatureQueue(options.Method.QueueSize, c);
        queue.Initialize(1);
        var random = new Random(3);
        float[] q = [.. Enumerable.Range(0, n * c).Select(_ => (float)random.NextDouble() - 0.5f)];
        float[] k = [.. q.Select(x => x + (float)random.NextDouble() - 0.5f)];
        var (gradient, keys, statistics) = (new float[q.Length], new float[q.Length], new RowStatistics(n));
        double[] seconds = [.. Enumerable.Range(0, rounds).Select(step =>
        {
            long start = Stopwatch.GetTimestamp();
            _ = contrast.Run(q, k, queue, (uint)step, true, gradient, keys, statistics);
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        })];
        return seconds.Order().ElementAt(rounds / 2);
    }

    private static double Time(MoCo moco, ViewBatch batch, uint step)
    {
        var watch = Stopwatch.StartNew();
        _ = Step(moco, batch, step);
        return watch.Elapsed.TotalSeconds;
    }

    private static float Step(MoCo moco, ViewBatch batch, uint step)
    {
        moco.Step(batch, step, transform: true, learningRate: 0.01f);
        return moco.Read();
    }

    private static float[] Noise(int n, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, n * ImageSize * ImageSize * 3).Select(_ => (float)random.NextDouble() - 0.5f)];
    }
}
