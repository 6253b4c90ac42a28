using FeatureTransform.Benchmarks.Reporting;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>N rows of C channels that are read once and written once.</summary>
public sealed record RowsWork(int N, int C, int BytesWritten = sizeof(float)) : IWork
{
    public double Bytes => (double)N * C * (sizeof(float) + BytesWritten);

    public override string ToString() => BytesWritten == sizeof(float) ? $"{N} x {C}" : $"{N} x {C}, bf16";
}
