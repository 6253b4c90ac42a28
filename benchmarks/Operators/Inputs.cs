using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>Inputs of benchmarks, and the check that precedes them.</summary>
internal static class Inputs
{
    /// <summary>Random rows of length 1.</summary>
    public static float[] UnitRows(int n, int c, ulong seed)
    {
        var queue = new FeatureQueue(n, c);
        queue.Initialize(seed);
        return queue.Float32.ToArray();
    }

    /// <summary>Nothing is timed that does not compute the same.</summary>
    /// <exception cref="InvalidOperationException">The two differ by more than <paramref name="tolerance"/>, relatively.</exception>
    public static void RequireClose(double expected, double actual, double tolerance, string what)
    {
        if (!(Math.Abs(expected - actual) <= tolerance * Math.Max(1, Math.Abs(expected))))
        {
            throw new InvalidOperationException($"The {what} is {actual}, and by the baseline {expected}.");
        }
    }
}
