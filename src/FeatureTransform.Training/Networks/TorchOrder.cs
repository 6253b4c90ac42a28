using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Networks;

/// <summary>Order of a parameter's elements: ours keeps filters K x R x S x C, torchvision's files K x C x R x S.</summary>
internal static class TorchOrder
{
    /// <summary>From storage order to torchvision's.</summary>
    public static float[] FromStorage(Parameter parameter, ReadOnlySpan<float> source) => Permute(parameter, source, toTorch: true);

    /// <summary>From torchvision's order to storage order.</summary>
    public static float[] ToStorage(Parameter parameter, ReadOnlySpan<float> source) => Permute(parameter, source, toTorch: false);

    private static float[] Permute(Parameter parameter, ReadOnlySpan<float> source, bool toTorch)
    {
        if (parameter.Kind != ParameterKind.Convolution)
        {
            return source.ToArray();
        }

        (int k, int c, int taps) = (parameter.Shape[0], parameter.Shape[1], parameter.Shape[2] * parameter.Shape[3]);
        var result = new float[source.Length];
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

        return result;
    }
}
