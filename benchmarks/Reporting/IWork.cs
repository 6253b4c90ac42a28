namespace FeatureTransform.Benchmarks.Reporting;

/// <summary>What one call does, for the columns of a benchmark whose parameter says so; 0: not a figure of interest.</summary>
public interface IWork
{
    /// <summary>Useful floating-point operations.</summary>
    double Flops => 0;

    /// <summary>Bytes that must be read and written at least.</summary>
    double Bytes => 0;

    /// <summary>Things made, of which the time of one is told.</summary>
    double Items => 0;
}
