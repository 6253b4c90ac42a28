using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Networks;

/// <summary>Order of a parameter's elements: ours keeps filters K x R x S x C, torchvision's files K x C x R x S.</summary>
internal static class TorchOrder
{
    /// <summary>From storage order to torchvision's.</summary>
    public static float[] FromStorage(Parameter parameter, ReadOnlySpan<float> source)
    {
        var result = new float[source.Length];
        FromStorage(parameter, source, result);
        return result;
    }

    /// <summary>From storage order to torchvision's, into memory of the same length.</summary>
    public static void FromStorage(Parameter parameter, ReadOnlySpan<float> source, Span<float> destination) =>
        Permute(parameter, source, destination, toTorch: true);

    /// <summary>From torchvision's order to storage order.</summary>
    public static float[] ToStorage(Parameter parameter, ReadOnlySpan<float> source)
    {
        var result = new float[source.Length];
        Permute(parameter, source, result, toTorch: false);
        return result;
    }

    private static void Permute(Parameter parameter, ReadOnlySpan<float> source, Span<float> result, bool toTorch)
    {
        if (parameter.Kind != ParameterKind.Convolution)
        {
            source.CopyTo(result);
            return;
        }

        (int k, int c, int taps) = (parameter.Shape[0], parameter.Shape[1], parameter.Shape[2] * parameter.Shape[3]);
        for (int filter = 0; filter < k; filter++)
        {
            for (int channel = 0; channel < c; channel++)
            {
                for (int tap = 0; tap < taps; tap++)
                {
                    int torch = (((filter * c) + channel) * taps) + tap, storage = (((filter * taps) + tap) * c) + channel;
                    (int to, int from) = toTorch ? (torch, storage) : (storage, torch);
                    result[to] = source[from];
                }
            }
        }
    }
}
