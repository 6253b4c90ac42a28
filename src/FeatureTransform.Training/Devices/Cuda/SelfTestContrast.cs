using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>The contrastive step beside <see cref="ContrastiveStep"/>, and the queue beside <see cref="FeatureQueue"/>.</summary>
internal static class SelfTestContrast
{
    private const float Tau = 0.2f;
    private const uint Step = 9;

    // The tolerances that the tests hold both to against fp64, of a row's loss and of the gradient in units of its largest element.
    private const double LossBound = 3e-6 / Tau, GradientBound = 1e-5 / Tau;

    public static IEnumerable<SelfTestCheck> Run(SelfTestBench bench, CudaPrecision precision)
    {
        (int n, int c) = (bench.N, bench.C);
        var options = new FeatureTransformOptions { Tau = Tau, Seed = 3 };
        (float[] q, float[] k) = Pairs(n, c);
        FeatureQueue queue = Queue(bench.K, c, ElementType.Float32);
        var (gradient, keys, rows) = (new float[n * c], new float[n * c], new RowStatistics(n));
        using (var cpu = new ContrastiveStep(options, n, c))
        {
            _ = cpu.Run(q, k, queue, Step, transform: true, gradient, keys, rows);
        }

        using var step = new CudaContrastiveStep(
            options, new CudaStepShape(n, c, bench.K) { Precision = precision }, bench.Memory.Context, bench.Kernels);
        step.SetState(Step, transform: true, position: 0, bench.Stream);
        CudaStepBuffers buffers = Buffers(bench, q, k, queue);
        step.Run(buffers, n, bench.Stream);
        float[] losses = bench.Memory.Read<float>(buffers.Statistics, n), given = bench.Memory.Read<float>(buffers.DqRaw, n * c);
        double? time = bench.Time(() => step.Run(buffers, n, bench.Stream));
        string name = $"contrastive step, {CudaDevice.NameOf(precision)}";
        if (precision == CudaPrecision.Float32)
        {
            yield return new($"{name}: losses, largest", SelfTestError.Largest(rows.Loss, losses), LossBound, time);
            yield return new($"{name}: gradient, largest", SelfTestError.LargestOfScale(gradient, given), GradientBound);
            yield break;
        }

        // Of a score q z two operands are rounded, by at most u each and so by u / sqrt(3) in the mean square, independently in each of
        // C channels: the score errs by sqrt(2/3) u |q| / sqrt(C), and a loss by at most that over tau. Of the gradient, which is a sum of
        // negatives by their weights, each weight errs in proportion to that, and both factors are rounded once more.
        double rounding = Math.Sqrt(2.0 / 3) * (precision == CudaPrecision.BFloat16 ? Math.ScaleB(1, -9) : Math.ScaleB(1, -12));
        double score = rounding * Longest(q, k, c) / Math.Sqrt(c) / Tau;
        yield return new($"{name}: losses, rms", SelfTestError.MeanSquare(rows.Loss, losses), score + LossBound, time);
        yield return new($"{name}: gradient, in norm", SelfTestError.InNorm(gradient, given), rounding + score + GradientBound);
    }

    /// <summary>Two steps whose keys turn the ring over.</summary>
    public static IEnumerable<SelfTestCheck> RunEnqueue(SelfTestBench bench, ElementType type)
    {
        (int n, int c) = (bench.N, bench.C);
        int rows = n + (n / 2);
        (float[] q, float[] k) = Pairs(n, c);
        FeatureQueue queue = Queue(rows, c, type);
        using var step = new CudaContrastiveStep(
            new FeatureTransformOptions { Tau = Tau },
            new CudaStepShape(n, c, rows) { Precision = CudaPrecision.Float32, Queue = type }, bench.Memory.Context, bench.Kernels);
        step.SetState(0, transform: true, position: 0, bench.Stream);
        CudaStepBuffers buffers = Buffers(bench, q, k, queue);
        for (int i = 0; i < 2; i++)
        {
            step.Run(buffers, n, bench.Stream);
            step.Enqueue(buffers, n, bench.Stream);
            queue.Enqueue(bench.Memory.Read<float>(buffers.Keys, n * c));
        }

        int different = SelfTestError.DifferentWords<byte>(queue.Bytes, bench.Memory.Read<byte>(buffers.Queue, queue.Bytes.Length));
        string name = type == ElementType.BFloat16 ? "bf16" : "fp32";
        yield return new($"enqueue, {name}: words that differ", different, 0, bench.Time(() => step.Enqueue(buffers, n, bench.Stream)));
    }

    private static FeatureQueue Queue(int k, int c, ElementType type)
    {
        var queue = new FeatureQueue(k, c, type);
        queue.Initialize(4);
        return queue;
    }

    // An embedding and another one near it.
    private static (float[] Q, float[] K) Pairs(int n, int c)
    {
        float[] q = DeviceBuffers.Uniform(n * c, 1), noise = DeviceBuffers.Uniform(n * c, 2);
        return (q, [.. q.Zip(noise, (a, b) => a + (0.5f * b))]);
    }

    // Greatest length of an extrapolated unit query, lambda q + (1 - lambda) k with lambda up to 2.
    private static double Longest(float[] q, float[] k, int c)
    {
        double least = q.Chunk(c).Zip(k.Chunk(c), (a, b) => Dot(a, b) / Math.Sqrt(Dot(a, a) * Dot(b, b))).Min();
        return Math.Sqrt(5 - (4 * least));

        static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();
    }

    private static CudaStepBuffers Buffers(SelfTestBench bench, float[] q, float[] k, FeatureQueue queue) => new()
    {
        QRaw = bench.Memory.Upload<float>(q),
        KRaw = bench.Memory.Upload<float>(k),
        Queue = bench.Memory.Upload(queue.Bytes),
        DqRaw = bench.Memory.Room(q.Length * sizeof(float)),
        Keys = bench.Memory.Room(q.Length * sizeof(float)),
        Loss = bench.Memory.Room(sizeof(float)),
        Statistics = bench.Memory.Room(CudaStepBuffers.StatisticsArrays * bench.N * sizeof(float)),
    };
}
