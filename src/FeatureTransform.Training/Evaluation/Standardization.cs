using System.Numerics.Tensors;

namespace FeatureTransform.Training.Evaluation;

/// <summary>An affine map of each channel: (x - mean) scale.</summary>
internal sealed record Standardization(float[] Mean, float[] Scale)
{
    // As batch normalisation's; a channel that never changes becomes 0.
    private const double Epsilon = 1e-5;

    /// <summary>The map that changes nothing.</summary>
    public static Standardization Identity(int c)
    {
        var scale = new float[c];
        Array.Fill(scale, 1);
        return new Standardization(new float[c], scale);
    }

    /// <summary>Maps the channels of one image.</summary>
    /// <param name="features">C of them.</param>
    /// <param name="destination">Receives C.</param>
    public void Apply(ReadOnlySpan<float> features, Span<float> destination)
    {
        TensorPrimitives.Subtract(features, Mean, destination);
        TensorPrimitives.Multiply(destination, Scale, destination);
    }

    /// <summary>To mean 0 and variance 1 over the given rows; two passes in double.</summary>
    public static Standardization Of(FeatureSet features, ReadOnlySpan<int> rows)
    {
        var mean = new double[features.C];
        var variance = new double[features.C];
        foreach (int row in rows)
        {
            ReadOnlySpan<float> values = features.Values.AsSpan(row * features.C, features.C);
            for (int c = 0; c < values.Length; c++)
            {
                mean[c] += values[c] / (double)rows.Length;
            }
        }

        foreach (int row in rows)
        {
            ReadOnlySpan<float> values = features.Values.AsSpan(row * features.C, features.C);
            for (int c = 0; c < values.Length; c++)
            {
                variance[c] += (values[c] - mean[c]) * (values[c] - mean[c]) / rows.Length;
            }
        }

        return new Standardization(
            [.. mean.Select(value => (float)value)], [.. variance.Select(value => (float)(1 / Math.Sqrt(value + Epsilon)))]);
    }
}
