using FeatureTransform.Native;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Networks;

/// <summary>
/// Initial parameters as torchvision's ResNets have them: convolutions normal with variance 2 / fan-out (He et al., ICCV 2015),
/// linear layers uniform within 1 / sqrt(fan-in), batch normalisation 1 and 0. Numbers come from Philox's initialisation
/// stream, one index after the other in layout order.
/// </summary>
internal static class Initialization
{
    public static void Fill(ParameterStore store, ulong seed)
    {
        ulong index = 0;
        float fanIn = 1;
        foreach (Parameter parameter in store.Layout.Trained.Concat(store.Layout.Buffers))
        {
            var values = new float[parameter.Count];
            int[] shape = parameter.Shape;
            switch (parameter.Kind)
            {
                case ParameterKind.Convolution:
                    double deviation = Math.Sqrt(2.0 / ((long)shape[0] * shape[2] * shape[3]));
                    for (int i = 0; i < values.Length; i++)
                    {
                        values[i] = (float)(deviation * Normal(Philox.Block(seed, 0, RandomUse.Initialization, index++)));
                    }

                    break;
                case ParameterKind.Linear or ParameterKind.LinearBias:
                    // A layer's bias follows its weight in the layout and shares its bound.
                    fanIn = parameter.Kind == ParameterKind.Linear ? shape[1] : fanIn;
                    for (int i = 0; i < values.Length; i++)
                    {
                        double uniform = Uniform(Philox.Block(seed, 0, RandomUse.Initialization, index++).X);
                        values[i] = (float)(((2 * uniform) - 1) / Math.Sqrt(fanIn));
                    }

                    break;
                case ParameterKind.NormWeight or ParameterKind.RunningVariance:
                    Array.Fill(values, 1);
                    break;
            }

            store.Write(parameter, values);
        }

        store.Refresh();
    }

    private static double Uniform(uint word) => (word + 0.5) / 4294967296.0;

    // Box and Muller, "A note on the generation of random normal deviates" (1958).
    private static double Normal(PhiloxBlock block) =>
        Math.Sqrt(-2 * Math.Log(Uniform(block.X))) * Math.Cos(2 * Math.PI * Uniform(block.Y));
}
