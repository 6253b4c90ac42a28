using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>BenchmarkDotNet's table in Markdown under our header, which knows LibTorch and the commit too.</summary>
internal sealed class HeadedMarkdown(IReadOnlyList<string> header) : MarkdownExporter
{
    protected override string FileNameSuffix => "";

    public override void ExportToLog(Summary summary, ILogger logger)
    {
        foreach (string line in header)
        {
            logger.WriteLine(line);
        }

        logger.WriteLine();
        foreach (string line in Table(summary))
        {
            logger.WriteLine(line);
        }
    }

    /// <summary>The lines of the table alone.</summary>
    public static IEnumerable<string> Table(Summary summary)
    {
        var text = new AccumulationLogger();
        Console.ExportToLog(summary, text);
        return text.GetLog().Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith('|'));
    }
}
