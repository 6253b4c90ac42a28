using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>A rate: what a call does, over its mean time.</summary>
/// <param name="name">Head of the column.</param>
/// <param name="legend">What it means.</param>
/// <param name="amount">What of the work is counted.</param>
/// <param name="value">The rate from that amount and the nanoseconds of a call.</param>
internal sealed class WorkColumn(string name, string legend, Func<IWork, double> amount, Func<double, double, double> value) : IColumn
{
    /// <summary>The rates; shares are of the peak that is given.</summary>
    public static IColumn[] All(double peak) =>
    [
        new WorkColumn("GFLOP/s", "Useful floating-point operations over the mean time", work => work.Flops, (flops, ns) => flops / ns),
        new WorkColumn(
            "% of peak", string.Create(CultureInfo.InvariantCulture, $"GFLOP/s over {peak:F1}, the FMA rate measured in the same run"),
            work => work.Flops, (flops, ns) => 100 * flops / ns / peak),
        new WorkColumn("GB/s", "Bytes that must be read and written over the mean time", work => work.Bytes, (bytes, ns) => bytes / ns),
        new WorkColumn("ns/item", "Mean time over the draws or images of a call", work => work.Items, (items, ns) => ns / items),
    ];

    public string Id => name;

    public string ColumnName => name;

    public string Legend => legend;

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Custom;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public bool IsAvailable(Summary summary) => summary.BenchmarksCases.Any(benchmark => Amount(benchmark) > 0);

    public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase) => GetValue(summary, benchmarkCase, summary.Style);

    public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
        Amount(benchmarkCase) is > 0 and double done && summary[benchmarkCase]?.ResultStatistics is { } statistics
            ? value(done, statistics.Mean).ToString("F2", CultureInfo.InvariantCulture)
            : "-";

    public override string ToString() => name;

    private double Amount(BenchmarkCase benchmark) =>
        benchmark.Parameters.Items.Select(item => item.Value).OfType<IWork>().Select(amount).FirstOrDefault();
}
