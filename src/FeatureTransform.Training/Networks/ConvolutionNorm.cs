using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Networks;

/// <summary>
/// Convolution, batch normalisation, and where wanted a shortcut's sum and a ReLU: the unit that ResNets are made of.
/// In training it keeps its input's convolution until the backward pass; its output belongs to the caller.
/// </summary>
internal sealed class ConvolutionNorm
{
    private readonly Parameter weight;
    private readonly NormParameters norm;
    private readonly int stride, padding;
    private readonly bool relu;
    private Tensor convolved, statistics;
    private bool hasShortcut;
    private int groups;

    public ConvolutionNorm(
        ParameterLayout layout, string convolution, string norm, int inputs, int outputs, int filter, int stride, bool relu)
    {
        weight = layout.Add($"{convolution}.weight", ParameterKind.Convolution, outputs, inputs, filter, filter);
        this.norm = new NormParameters(
            layout.Add($"{norm}.weight", ParameterKind.NormWeight, outputs),
            layout.Add($"{norm}.bias", ParameterKind.NormBias, outputs),
            layout.Add($"{norm}.running_mean", ParameterKind.RunningMean, outputs),
            layout.Add($"{norm}.running_var", ParameterKind.RunningVariance, outputs));
        (this.stride, padding, this.relu) = (stride, filter / 2, relu);
    }

    /// <summary>x: N x H x W x C to N x H/stride x W/stride x K. The input and the shortcut stay the caller's.</summary>
    public Tensor Forward(IDevice device, ParameterStore store, Tensor x, Tensor shortcut, ForwardMode mode)
    {
        Tensor y = device.Convolution(x, store, weight, stride, padding);
        if (!mode.BatchStatistics)
        {
            return device.BatchNormInference(y, shortcut, store, norm, relu);
        }

        Tensor output = device.BatchNorm(y, shortcut, store, norm, relu, mode.Groups, out Tensor saved);
        if (mode.KeepForBackward)
        {
            (convolved, statistics, hasShortcut, groups) = (y, saved, shortcut.Exists, mode.Groups);
        }
        else
        {
            device.Free(y);
            device.Free(saved);
        }

        return output;
    }

    /// <summary>
    /// x and y: what Forward was given and returned. dy (+ dy2) becomes the gradient of the shortcut, where there is one, and stays
    /// the caller's.
    /// </summary>
    public Tensor Backward(
        IDevice device, ParameterStore store, ref Tensor dy, Tensor dy2, Tensor x, Tensor y, bool inputGradient)
    {
        Tensor gradient = device.BatchNormBackward(ref dy, dy2, convolved, y, store, norm, hasShortcut, relu, groups, statistics);
        device.Free(convolved);
        device.Free(statistics);
        Tensor dx = device.ConvolutionBackward(gradient, x, store, weight, stride, padding, inputGradient);
        device.Free(gradient);
        return dx;
    }
}

/// <summary>How a forward pass runs.</summary>
/// <param name="BatchStatistics">Normalise by the batch (training), not by the running statistics.</param>
/// <param name="KeepForBackward">Keep the activations that the backward pass needs.</param>
/// <param name="Groups">Virtual devices of shuffle-BN; 1 is plain batch normalisation.</param>
internal readonly record struct ForwardMode(bool BatchStatistics, bool KeepForBackward, int Groups)
{
    public static ForwardMode Inference { get; } = new(false, false, 1);
}
