using System.Diagnostics;

namespace FeatureTransform.Benchmarks;

/// <summary>Timing outside BenchmarkDotNet.</summary>
internal static class Timing
{
    /// <summary>Seconds of the fastest of at least three runs: other work on the machine only ever adds.</summary>
    public static double Best(Action action, double seconds)
    {
        action();
        double best = double.PositiveInfinity;
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < 3 || Stopwatch.GetElapsedTime(begin).TotalSeconds < seconds; i++)
        {
            long start = Stopwatch.GetTimestamp();
            action();
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }
}
