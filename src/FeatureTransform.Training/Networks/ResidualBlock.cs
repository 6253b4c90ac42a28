using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Networks;

/// <summary>
/// A residual block of torchvision's ResNets: BasicBlock (3x3, 3x3) or Bottleneck (1x1, 3x3 with the stride, 1x1), and a
/// 1x1 shortcut where the shape changes: y = relu(f(x) + shortcut(x)).
/// </summary>
internal sealed class ResidualBlock
{
    private readonly ConvolutionNorm[] path;
    private readonly ConvolutionNorm? projection;
    private readonly Tensor[] activations;
    private Tensor projected;

    public ResidualBlock(ParameterLayout layout, string name, int inputs, int width, int outputs, int stride, bool bottleneck)
    {
        path = bottleneck
            ?
            [
                new(layout, $"{name}.conv1", $"{name}.bn1", inputs, width, 1, 1, relu: true),
                new(layout, $"{name}.conv2", $"{name}.bn2", width, width, 3, stride, relu: true),
                new(layout, $"{name}.conv3", $"{name}.bn3", width, outputs, 1, 1, relu: true),
            ]
            :
            [
                new(layout, $"{name}.conv1", $"{name}.bn1", inputs, width, 3, stride, relu: true),
                new(layout, $"{name}.conv2", $"{name}.bn2", width, outputs, 3, 1, relu: true),
            ];
        if (stride != 1 || inputs != outputs)
        {
            projection = new(layout, $"{name}.downsample.0", $"{name}.downsample.1", inputs, outputs, 1, stride, relu: false);
        }

        activations = new Tensor[path.Length];
    }

    /// <summary>The input stays the caller's; the output is the block's until <see cref="Backward"/> where it is kept for that.</summary>
    public Tensor Forward(IDevice device, ParameterStore store, Tensor x, ForwardMode mode)
    {
        Tensor shortcut = projection is null ? x : projection.Forward(device, store, x, default, mode);
        Tensor current = x;
        for (int i = 0; i < path.Length; i++)
        {
            Tensor next = path[i].Forward(device, store, current, i == path.Length - 1 ? shortcut : default, mode);
            if (i > 0 && !mode.KeepForBackward)
            {
                device.Free(current);
            }

            current = activations[i] = next;
        }

        if (projection is not null)
        {
            projected = shortcut;
            if (!mode.KeepForBackward)
            {
                device.Free(shortcut);
            }
        }

        return current;
    }

    /// <summary>
    /// Takes dL/dy as dy + dy2 (dy2 may not exist), frees both and everything kept; returns dL/dx as two summands, so that the
    /// next batch normalisation's pass adds them.
    /// </summary>
    public (Tensor First, Tensor Second) Backward(IDevice device, ParameterStore store, Tensor dy, Tensor dy2, Tensor x)
    {
        Tensor gradient = dy, shared = default;
        for (int i = path.Length - 1; i >= 0; i--)
        {
            bool last = i == path.Length - 1;
            Tensor input = i == 0 ? x : activations[i - 1];
            Tensor next = path[i].Backward(device, store, ref gradient, last ? dy2 : default, input, activations[i], inputGradient: true);
            device.Free(activations[i]);
            if (last)
            {
                device.Free(dy2);
                shared = gradient; // before the block's last ReLU: the shortcut's too
            }
            else
            {
                device.Free(gradient);
            }

            gradient = next;
        }

        if (projection is null)
        {
            return (gradient, shared);
        }

        Tensor second = projection.Backward(device, store, ref shared, default, x, projected, inputGradient: true);
        device.Free(projected);
        device.Free(shared);
        return (gradient, second);
    }
}
