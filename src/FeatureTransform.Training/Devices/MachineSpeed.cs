using System.Diagnostics;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices;

/// <summary>How fast this machine is, measured in about a second.</summary>
/// <param name="Peak">FMA rate of all threads, GFLOP/s.</param>
/// <param name="Pass">Rate of the contrastive pass on all threads at N 256, K 16384, C 128, GFLOP/s of useful work.</param>
internal sealed record MachineSpeed(double Peak, double Pass)
{
    /// <summary>Size of the pass.</summary>
    public const int N = 256, K = 16384, C = 128;

    private const double Seconds = 0.8;

    /// <summary>Measures both; the best of several runs, as other work on the machine only ever slows down.</summary>
    public static MachineSpeed Measure(int threads)
    {
        var queue = new FeatureQueue(K, C);
        queue.Initialize(1);
        float[] q = queue.Float32[..(N * C)].ToArray(), k = queue.Float32[(N * C)..(2 * N * C)].ToArray();
        using var step = new ContrastiveStep(new FeatureTransformOptions(), N, C, threads);
        var (gradient, keys, statistics) = (new float[q.Length], new float[q.Length], new RowStatistics(N));
        double best = double.PositiveInfinity;
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalSeconds < Seconds;)
        {
            long start = Stopwatch.GetTimestamp();
            _ = step.Run(q, k, queue, 1, transform: true, gradient, keys, statistics);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return new MachineSpeed(PeakMeter.Measure(threads), 4.0 * N * K * C / best / 1e9);
    }
}
