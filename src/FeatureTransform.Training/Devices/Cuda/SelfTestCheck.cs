using System.Runtime.InteropServices;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>One line of the self-test: how far the device is from what it should compute, and how far it may be.</summary>
/// <param name="Name">What was computed, and how the error is measured.</param>
/// <param name="Error">The error; NaN fails.</param>
/// <param name="Bound">The largest error that passes; 0: the same bits.</param>
/// <param name="Microseconds">Median time on the device; null where it was not taken.</param>
internal readonly record struct SelfTestCheck(string Name, double Error, double Bound, double? Microseconds = null)
{
    public bool Passed => Error <= Bound;
}

/// <summary>Errors in which NaN stays.</summary>
internal static class SelfTestError
{
    /// <summary>The largest difference, each in units of max(1, |expected|).</summary>
    public static double Largest(ReadOnlySpan<float> expected, ReadOnlySpan<float> given)
    {
        double error = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            error = Math.Max(error, Math.Abs((double)given[i] - expected[i]) / Math.Max(1, Math.Abs(expected[i])));
        }

        return error;
    }

    /// <summary>The largest difference in units of the largest expected value.</summary>
    public static double LargestOfScale(ReadOnlySpan<float> expected, ReadOnlySpan<float> given)
    {
        (double error, double scale) = (0, 0);
        for (int i = 0; i < expected.Length; i++)
        {
            error = Math.Max(error, Math.Abs((double)given[i] - expected[i]));
            scale = Math.Max(scale, Math.Abs(expected[i]));
        }

        return error / scale;
    }

    /// <summary>Root mean square of the differences.</summary>
    public static double MeanSquare(ReadOnlySpan<float> expected, ReadOnlySpan<float> given)
    {
        double square = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            square += ((double)given[i] - expected[i]) * ((double)given[i] - expected[i]);
        }

        return Math.Sqrt(square / expected.Length);
    }

    /// <summary>Norm of the difference in units of the norm of what is expected.</summary>
    public static double InNorm(ReadOnlySpan<float> expected, ReadOnlySpan<float> given) =>
        MeanSquare(expected, given) / MeanSquare(expected, new float[expected.Length]);

    /// <summary>Number of 4-byte words that differ in any bit.</summary>
    public static int DifferentWords<T>(ReadOnlySpan<T> expected, ReadOnlySpan<T> given)
        where T : unmanaged
    {
        ReadOnlySpan<uint> a = MemoryMarshal.Cast<T, uint>(expected), b = MemoryMarshal.Cast<T, uint>(given);
        int count = 0;
        for (int i = 0; i < a.Length; i++)
        {
            count += a[i] == b[i] ? 0 : 1;
        }

        return count;
    }
}
