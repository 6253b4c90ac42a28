using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>The contrastive pass at one size; no scope: plain InfoNCE.</summary>
public sealed record PassWork(PassShape Shape, LambdaScope? Scope) : IWork
{
    /// <summary>Two products of N x C x K.</summary>
    public double Flops => 4.0 * Shape.N * Shape.K * Shape.C;

    public override string ToString() => $"{Shape}, {(Scope is { } scope ? $"{scope}" : "no FT")}";
}
