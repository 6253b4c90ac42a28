using System.Globalization;
using BenchmarkDotNet.Environments;
using FeatureTransform.LibTorch;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>What was measured on what.</summary>
internal static class Header
{
    /// <summary>Processor, system, runtime, cores, versions, commit, and the peak of so many threads in GFLOP/s, a line each.</summary>
    public static IReadOnlyList<string> Lines(double peak, int threads)
    {
        RunVersions versions = RunVersions.Current(ATen.Version, null);
        return
        [
            .. HostEnvironmentInfo.GetCurrent().ToFormattedString(),
            $"LibTorch {versions.Libtorch}; FeatureTransform.Native {versions.Package}, commit {RunVersions.BuildCommit ?? "unknown"}",
            string.Create(CultureInfo.InvariantCulture, $"FMA peak of {threads} threads, measured: {peak:F1} GFLOP/s"),
        ];
    }
}
