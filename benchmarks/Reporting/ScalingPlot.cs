using FeatureTransform.Native;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>Time of the pass against K, N and C, both axes logarithmic, beside the line of a constant rate.</summary>
internal static class ScalingPlot
{
    private const int Width = 1200, Height = 420;

    /// <summary>Saves a PNG; the dashed line is the time at the peak in GFLOP/s.</summary>
    public static void Save(IReadOnlyList<ScalingPoint> points, double peak, string file)
    {
        var all = new Multiplot();
        IGrouping<string, ScalingPoint>[] lines = [.. points.GroupBy(point => point.Varied)];
        all.AddPlots(lines.Length);
        all.Layout = new ScottPlot.MultiplotLayouts.Columns();
        for (int i = 0; i < lines.Length; i++)
        {
            Draw(all.GetPlot(i), lines[i], peak);
        }

        _ = all.SavePng(file, Width, Height);
    }

    private static void Draw(Plot plot, IGrouping<string, ScalingPoint> line, double peak)
    {
        foreach (IGrouping<LambdaScope, ScalingPoint> scope in line.GroupBy(point => point.Scope))
        {
            ScottPlot.Plottables.Scatter measured = plot.Add.Scatter(
                scope.Select(point => Math.Log10(Size(point))).ToArray(), scope.Select(point => Math.Log10(point.Seconds * 1e3)).ToArray());
            measured.LegendText = $"scope {scope.Key}";
        }

        ScalingPoint[] ends = [line.First(), line.Last()];
        ScottPlot.Plottables.Scatter limit = plot.Add.Scatter(
            ends.Select(point => Math.Log10(Size(point))).ToArray(),
            ends.Select(point => Math.Log10(point.Seconds * 1e3 * point.Gflops / peak)).ToArray());
        limit.LegendText = "at the FMA peak";
        limit.LinePattern = LinePattern.Dashed;
        limit.MarkerSize = 0;
        limit.Color = Colors.Gray;
        plot.XLabel(line.Key);
        plot.YLabel("ms");
        plot.ShowLegend(Alignment.UpperLeft);
        plot.Axes.Bottom.TickGenerator = Powers();
        plot.Axes.Left.TickGenerator = Powers();

        int Size(ScalingPoint point) => line.Key switch { "K" => point.Shape.K, "N" => point.Shape.N, _ => point.Shape.C };
    }

    private static NumericAutomatic Powers() => new()
    {
        LabelFormatter = exponent => Math.Pow(10, exponent).ToString("G3", System.Globalization.CultureInfo.InvariantCulture),
        IntegerTicksOnly = true,
    };
}
