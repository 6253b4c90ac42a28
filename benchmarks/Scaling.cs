using FeatureTransform.Benchmarks.Operators;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks;

/// <summary>One point of the cost of the pass.</summary>
/// <param name="Varied">N, K or C: what differs from the points beside it.</param>
/// <param name="Shape">The size.</param>
/// <param name="Scope">Scope of lambda.</param>
/// <param name="Seconds">Time of a call.</param>
internal sealed record ScalingPoint(string Varied, PassShape Shape, LambdaScope Scope, double Seconds)
{
    /// <summary>Useful floating-point operations in 10^9 a second.</summary>
    public double Gflops => 4.0 * Shape.N * Shape.K * Shape.C / Seconds / 1e9;
}

/// <summary>What the pass costs as N, K or C grows around N 256, K 65536, C 128.</summary>
internal static class Scaling
{
    private static readonly PassShape Middle = new(256, 65536, 128);

    private static readonly (string Varied, PassShape[] Shapes)[] Lines =
    [
        ("K", [.. new[] { 1024, 4096, 16384, 65536, 262_144, 1_048_576 }.Select(k => Middle with { K = k })]),
        ("N", [.. new[] { 1, 4, 16, 64, 256, 1024, 4096 }.Select(n => Middle with { N = n })]),
        ("C", [.. new[] { 32, 64, 128, 256, 512, 1024, 2048 }.Select(c => Middle with { C = c })]),
    ];

    /// <summary>Times every point in scopes batch and element, on all threads.</summary>
    public static List<ScalingPoint> Measure(Action<ScalingPoint> measured)
    {
        var points = new List<ScalingPoint>();
        foreach ((string varied, PassShape[] shapes) in Lines)
        {
            foreach (PassShape shape in shapes)
            {
                FeatureQueue queue = Fill(shape);
                foreach (LambdaScope scope in new[] { LambdaScope.Batch, LambdaScope.Element })
                {
                    var options = new FeatureTransformOptions { PositiveScope = scope, NegativeScope = scope };
                    using var step = new ContrastiveCase(options, shape.N, queue, Environment.ProcessorCount);
                    points.Add(new(varied, shape, scope, Timing.Best(() => step.Run(), seconds: 0.5)));
                    measured(points[^1]);
                }
            }
        }

        return points;
    }

    // Of a large queue the rows repeat: no time depends on their values.
    private static FeatureQueue Fill(PassShape shape)
    {
        float[] rows = Inputs.UnitRows(Math.Min(shape.K, 4096), shape.C, 1);
        var queue = new FeatureQueue(shape.K, shape.C);
        for (int filled = 0; filled < shape.K; filled += rows.Length / shape.C)
        {
            queue.Enqueue(rows);
        }

        return queue;
    }
}
