using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Networks;

/// <summary>
/// ResNet-18, 34 or 50 (He et al., CVPR 2016) with a projection head, parameters named as torchvision's. Activations that
/// the backward pass needs are kept between <see cref="Forward"/> and <see cref="Backward"/>.
/// </summary>
internal sealed class Encoder : IDisposable
{
    private const int BaseWidth = 64, BottleneckExpansion = 4;
    private readonly IDevice device;
    private readonly ConvolutionNorm stem;
    private readonly List<ResidualBlock> blocks = [];
    private readonly List<Tensor> outputs = [];
    private readonly bool maxPool;
    private readonly (Parameter Weight, Parameter Bias)[] head;
    private readonly Tensor[] headInputs;
    private Tensor images, stemOutput, poolIndices, embedding;

    public Encoder(IDevice device, ModelOptions options, bool trained)
    {
        this.device = device;
        var layout = new ParameterLayout();
        (int[] counts, bool bottleneck) = options.Architecture switch
        {
            "resnet18" => ([2, 2, 2, 2], false),
            "resnet34" => ([3, 4, 6, 3], false),
            "resnet50" => (new[] { 3, 4, 6, 3 }, true),
            _ => throw new InvalidInputException(
                $"Unknown architecture '{options.Architecture}': expected resnet18, resnet34 or resnet50."),
        };
        int width = Width(options);
        maxPool = options.Stem == "standard";
        stem = maxPool
            ? new(layout, "conv1", "bn1", 3, width, 7, 2, relu: true)
            : new(layout, "conv1", "bn1", 3, width, 3, 1, relu: true);
        int channels = width;
        for (int stage = 0; stage < counts.Length; stage++)
        {
            int inner = width << stage, outer = bottleneck ? inner * BottleneckExpansion : inner;
            for (int i = 0; i < counts[stage]; i++)
            {
                int stride = stage > 0 && i == 0 ? 2 : 1;
                blocks.Add(new(layout, $"layer{stage + 1}.{i}", channels, inner, outer, stride, bottleneck));
                channels = outer;
            }
        }

        FeatureSize = channels;
        EmbeddingSize = options.EmbeddingSize;
        head = options.Head switch
        {
            "linear" => [Linear(layout, "fc", channels, EmbeddingSize)],
            "mlp" => [Linear(layout, "fc.0", channels, channels), Linear(layout, "fc.2", channels, EmbeddingSize)],
            _ => throw new InvalidInputException($"Unknown head '{options.Head}': expected linear or mlp."),
        };
        headInputs = new Tensor[head.Length];
        Store = device.CreateStore(layout, trained);
    }

    public ParameterStore Store { get; }

    /// <summary>Channels of the pooled features, what evaluation sees.</summary>
    public int FeatureSize { get; }

    /// <summary>C, channels of the embedding, what the loss sees.</summary>
    public int EmbeddingSize { get; }

    /// <summary>
    /// images: N x S x S x 3, normalised; they become the encoder's. Embeddings: N x C, not normalised. They are the caller's, but the
    /// encoder's where they are kept for <see cref="Backward"/>.
    /// </summary>
    public Tensor Forward(Tensor images, ForwardMode mode)
    {
        Tensor current = Pooled(images, mode);
        for (int i = 0; i < head.Length; i++)
        {
            headInputs[i] = current;
            current = device.Linear(current, Store, head[i].Weight, head[i].Bias, relu: i < head.Length - 1);
            if (!mode.KeepForBackward)
            {
                device.Free(headInputs[i]);
            }
        }

        if (mode.KeepForBackward)
        {
            embedding = current;
        }

        return current;
    }

    /// <summary>pixels: N x S x S x 3, normalised; features: N x <see cref="FeatureSize"/>, by the running statistics.</summary>
    public void Features(ReadOnlySpan<float> pixels, int n, int size, Span<float> features)
    {
        Tensor pooled = Pooled(device.Images(pixels, n, size), ForwardMode.Inference);
        device.Download(pooled, features);
        device.Free(pooled);
    }

    /// <summary>gradient: dL/d(embedding), N x C, which is freed. Writes the gradient of every parameter.</summary>
    public void Backward(Tensor gradient)
    {
        Tensor dy = gradient;
        for (int i = head.Length - 1; i >= 0; i--)
        {
            Tensor output = i == head.Length - 1 ? embedding : headInputs[i + 1];
            Tensor dx = device.LinearBackward(
                dy, headInputs[i], output, Store, head[i].Weight, head[i].Bias, relu: i < head.Length - 1);
            device.Free(output);
            device.Free(dy);
            dy = dx;
        }

        device.Free(headInputs[0]);
        Tensor last = outputs[^1];
        (Tensor first, Tensor second) = (device.GlobalAverageBackward(dy, last.H, last.W), default(Tensor));
        device.Free(dy);
        for (int i = blocks.Count - 1; i >= 0; i--)
        {
            (first, second) = blocks[i].Backward(device, Store, first, second, outputs[i]);
        }

        StemBackward(first, second);
        outputs.Clear();
    }

    public void Dispose() => Store.Dispose();

    private static int Width(ModelOptions options)
    {
        float width = BaseWidth * options.Width;
        return width >= 16 && width <= 64 * BaseWidth && width % 16 == 0
            ? (int)width
            : throw new InvalidInputException(
                $"Width {options.Width} cannot be used: expected a multiple of 0.25 from 0.25 to 64 (layers of 16, 32, ... channels).");
    }

    private static (Parameter Weight, Parameter Bias) Linear(ParameterLayout layout, string name, int inputs, int outputs) =>
        (layout.Add($"{name}.weight", ParameterKind.Linear, outputs, inputs), layout.Add($"{name}.bias", ParameterKind.LinearBias, outputs));

    private Tensor Pooled(Tensor input, ForwardMode mode)
    {
        images = input;
        stemOutput = stem.Forward(device, Store, images, default, mode);
        Tensor current = stemOutput;
        if (maxPool)
        {
            current = device.MaxPool(stemOutput, out poolIndices);
            FreeUnlessKept(mode, stemOutput);
            FreeUnlessKept(mode, poolIndices);
        }

        FreeUnlessKept(mode, images);
        outputs.Clear();
        foreach (ResidualBlock block in blocks)
        {
            outputs.Add(current);
            Tensor next = block.Forward(device, Store, current, mode);
            FreeUnlessKept(mode, current);
            current = next;
        }

        outputs.Add(current);
        Tensor pooled = device.GlobalAverage(current);
        FreeUnlessKept(mode, current);
        return pooled;
    }

    private void FreeUnlessKept(ForwardMode mode, Tensor tensor)
    {
        if (!mode.KeepForBackward)
        {
            device.Free(tensor);
        }
    }

    private void StemBackward(Tensor first, Tensor second)
    {
        if (maxPool)
        {
            // The maximum's gradient is linear: each summand goes through by itself.
            Tensor a = device.MaxPoolBackward(first, stemOutput, poolIndices), b = device.MaxPoolBackward(second, stemOutput, poolIndices);
            device.Free(first);
            device.Free(second);
            device.Free(poolIndices);
            device.Free(outputs[0]);
            (first, second) = (a, b);
        }

        _ = stem.Backward(device, Store, ref first, second, images, stemOutput, inputGradient: false);
        device.Free(first);
        device.Free(second);
        device.Free(stemOutput);
        device.Free(images);
    }
}
