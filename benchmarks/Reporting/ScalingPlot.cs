using FeatureTransform.Native;
using OxyPlot;
using OxyPlot.Annotations;
using OxyPlot.Axes;
using OxyPlot.Series;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>Time of the pass against K, N and C, side by side, all axes logarithmic, beside the time at the FMA peak.</summary>
internal static class ScalingPlot
{
    private const int Width = 1200, Height = 420;
    private const double Gap = 0.04;

    private static readonly OxyColor BatchColor = OxyColors.SteelBlue, ElementColor = OxyColors.DarkOrange, PeakColor = OxyColors.Gray;

    /// <summary>Saves an SVG, which needs no font of this machine; <paramref name="peak"/> in GFLOP/s.</summary>
    public static void Save(IReadOnlyList<ScalingPoint> points, double peak, string file)
    {
        var plot = new PlotModel { Background = OxyColors.White, DefaultFont = "Helvetica" };
        plot.Axes.Add(new LogarithmicAxis
        {
            Position = AxisPosition.Left,
            Title = "ms",
            MajorGridlineStyle = LineStyle.Dot,
        });
        IGrouping<string, ScalingPoint>[] lines = [.. points.GroupBy(point => point.Varied)];
        for (int i = 0; i < lines.Length; i++)
        {
            plot.Axes.Add(new LogarithmicAxis
            {
                Key = lines[i].Key,
                Position = AxisPosition.Bottom,
                Title = lines[i].Key,
                Base = 4,
                LabelFormatter = size => size < 1 << 20 ? $"{size:F0}" : $"{size / (1 << 20):F0}M",
                StartPosition = ((double)i / lines.Length) + (i > 0 ? Gap : 0),
                EndPosition = (double)(i + 1) / lines.Length,
                MajorGridlineStyle = LineStyle.Dot,
            });
            Draw(plot, lines[i], peak);
        }

        // Words in the colours of the lines: a legend is laid out for a font that the reader may not have.
        double x = Size(lines[0].First()) * 1.2, y = points.Max(point => point.Seconds) * 1e3 / 1.6;
        foreach ((string text, OxyColor color) in new[] { ("scope batch", BatchColor), ("scope element", ElementColor), ("at the FMA peak", PeakColor) })
        {
            plot.Annotations.Add(new TextAnnotation
            {
                Text = text,
                TextColor = color,
                TextPosition = new DataPoint(x, y),
                TextHorizontalAlignment = HorizontalAlignment.Left,
                StrokeThickness = 0,
                XAxisKey = lines[0].Key,
            });
            y /= 1.7;
        }

        using FileStream stream = File.Create(file);
        new SvgExporter { Width = Width, Height = Height, UseVerticalTextAlignmentWorkaround = true }.Export(plot, stream);
    }

    private static void Draw(PlotModel plot, IGrouping<string, ScalingPoint> line, double peak)
    {
        foreach ((LambdaScope scope, OxyColor color) in new[] { (LambdaScope.Batch, BatchColor), (LambdaScope.Element, ElementColor) })
        {
            var series = new LineSeries
            {
                XAxisKey = line.Key,
                Color = color,
                MarkerType = MarkerType.Circle,
                MarkerFill = color,
            };
            series.Points.AddRange(line.Where(point => point.Scope == scope).Select(point => new DataPoint(Size(point), point.Seconds * 1e3)));
            plot.Series.Add(series);
        }

        var limit = new LineSeries
        {
            XAxisKey = line.Key,
            Color = PeakColor,
            LineStyle = LineStyle.Dash,
        };
        foreach (ScalingPoint end in new[] { line.First(), line.Last() })
        {
            limit.Points.Add(new DataPoint(Size(end), end.Seconds * 1e3 * end.Gflops / peak));
        }

        plot.Series.Add(limit);
    }

    private static int Size(ScalingPoint point) => point.Varied switch { "K" => point.Shape.K, "N" => point.Shape.N, _ => point.Shape.C };
}
