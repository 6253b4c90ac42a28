using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Engines;
using BenchmarkDotNet.Exporters.Csv;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>
/// How BenchmarkDotNet runs, and what it shows. Each case that is timed has a process of its own: where several threads have called
/// LibTorch, each has its team of OpenMP threads, and they get into each other's way.
/// </summary>
internal static class Configurations
{
    /// <summary>Folder of the Markdown, CSV and JSON files.</summary>
    public const string Folder = "artifacts";

    /// <summary>Whether every benchmark ran; one whose check failed did not.</summary>
    public static bool Succeeded(Summary summary) => !summary.HasCriticalValidationErrors && summary.Reports.All(report => report.Success);

    /// <summary>
    /// As BenchmarkDotNet decides, or with <paramref name="quick"/> each benchmark once, in this process: enough to show
    /// that all works.
    /// </summary>
    public static IConfig Create(bool quick, double peak, IReadOnlyList<string> header)
    {
        Job job = Job.Default;
        IConfig standard = DefaultConfig.Instance;
        return ManualConfig.CreateEmpty()
            .AddLogger([.. standard.GetLoggers()])
            .AddColumnProvider([.. standard.GetColumnProviders()])
            .AddAnalyser([.. standard.GetAnalysers()])
            .AddValidator([.. standard.GetValidators()])
            .AddJob(quick
                ? job.WithId("Short")
                    .WithToolchain(InProcessEmitToolchain.Instance) // others build all projects again
                    .WithStrategy(RunStrategy.ColdStart)
                    .WithIterationCount(1)
                : job.WithId("Full").WithMaxIterationCount(16))
            .WithSummaryStyle(SummaryStyle.Default.WithMaxParameterColumnWidth(60))
            .AddColumn(WorkColumn.All(peak))
            .AddExporter(new HeadedMarkdown(header), CsvExporter.Default, JsonExporter.Full)
            .WithArtifactsPath(Folder)
            .WithOptions(ConfigOptions.DisableLogFile);
    }
}
