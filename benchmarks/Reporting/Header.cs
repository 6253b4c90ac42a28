using System.Globalization;
using BenchmarkDotNet.Environments;
using FeatureTransform.LibTorch;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>What was measured on what.</summary>
internal static class Header
{
    /// <summary>Processor, system, runtime, cores, versions and commit, a line each.</summary>
    public static IReadOnlyList<string> Lines(double peak)
    {
        RunVersions versions = RunVersions.Current(ATen.Version);
        return
        [
            .. HostEnvironmentInfo.GetCurrent().ToFormattedString(),
            $"{Environment.ProcessorCount} threads; LibTorch {versions.Libtorch}; FeatureTransform.Native {versions.Package}, commit {RunVersions.BuildCommit ?? "unknown"}",
            string.Create(CultureInfo.InvariantCulture, $"FMA peak of all threads, measured: {peak:F1} GFLOP/s"),
        ];
    }
}
