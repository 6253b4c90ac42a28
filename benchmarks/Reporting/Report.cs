using System.Globalization;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>One Markdown file of everything that is measured: targets, cost by size with its plot, every operator.</summary>
internal static class Report
{
    /// <summary>Measures and writes the file and its plot; 0 where all could be measured, whether or not a target is met.</summary>
    public static int Write(string file)
    {
        int threads = Environment.ProcessorCount;
        double peak = PeakMeter.Measure(threads);
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Benchmarks");
        text.WriteLine();
        text.WriteLine($"Written by `dotnet run -c Release --project benchmarks -- report {file}` on {DateTime.UtcNow:yyyy-MM-dd}.");
        text.WriteLine();
        text.WriteLine("```");
        IReadOnlyList<string> header = Header.Lines(peak, threads);
        text.WriteLine(string.Join('\n', header));
        text.WriteLine("```");
        text.WriteLine();
        WriteTargets(text);
        WriteScaling(text, peak, Path.ChangeExtension(file, ".svg"));

        Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(Report).Assembly).Run(
            ["--filter", "*"], Configurations.Create(quick: false, peak, header))];
        text.WriteLine("## Operators");
        foreach (Summary summary in summaries)
        {
            text.WriteLine();
            text.WriteLine($"### {summary.BenchmarksCases[0].Descriptor.Type.Name.Replace("Benchmark", "", StringComparison.Ordinal)}");
            text.WriteLine();
            text.WriteLine(string.Join('\n', HeadedMarkdown.Table(summary)));
        }

        File.WriteAllText(file, text.ToString());
        return Array.TrueForAll(summaries, Configurations.Succeeded) ? 0 : 1;
    }

    private static void WriteTargets(StringWriter text)
    {
        text.WriteLine("## Targets");
        text.WriteLine();
        text.WriteLine($"{Targets.Conditions}. The fastest of several calls.");
        text.WriteLine();
        text.WriteLine("| figure | value | must | aim | |");
        text.WriteLine("|---|---|---|---|---|");
        foreach (Target target in Targets.Measure(PeakMeter.Measure(Targets.Threads), target => Console.WriteLine(target)))
        {
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {target.Figure} | {target.Value:F3} | {target.Must:G4} | {target.Aim:G4} | {(target.Met ? "met" : "**missed**")} |"));
        }

        text.WriteLine();
    }

    private static void WriteScaling(StringWriter text, double peak, string plot)
    {
        List<ScalingPoint> points = Scaling.Measure(point => Console.WriteLine(point));
        ScalingPlot.Save(points, peak, plot);
        text.WriteLine("## Cost by size");
        text.WriteLine();
        text.WriteLine($"![Time by K, N and C]({Path.GetFileName(plot)})");
        foreach (IGrouping<string, ScalingPoint> line in points.GroupBy(point => point.Varied))
        {
            text.WriteLine();
            text.WriteLine($"| N x K x C ({line.Key} varies) | batch: ms | GFLOP/s | % of peak | element: ms | over batch |");
            text.WriteLine("|---|---|---|---|---|---|");
            foreach (ScalingPoint[] pair in line.Chunk(2))
            {
                (ScalingPoint batch, ScalingPoint element) = (pair[0], pair[1]);
                text.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {batch.Shape} | {batch.Seconds * 1e3:F3} | {batch.Gflops:F1} | {100 * batch.Gflops / peak:F1} | " +
                    $"{element.Seconds * 1e3:F3} | {element.Seconds / batch.Seconds:F3} |"));
            }
        }

        text.WriteLine();
    }
}
