using FeatureTransform.Native;

namespace FeatureTransform.Training.Options;

/// <summary>Names that options take, as the command line and <c>config.json</c> spell them.</summary>
public static class OptionNames
{
    /// <summary>Augmentation recipes.</summary>
    public static IReadOnlyList<string> Augmentations { get; } = ["moco-v1", "moco-v2"];

    /// <summary>Encoders.</summary>
    public static IReadOnlyList<string> Architectures { get; } = ["resnet18", "resnet34", "resnet50"];

    /// <summary>First layers of an encoder.</summary>
    public static IReadOnlyList<string> Stems { get; } = ["cifar", "standard"];

    /// <summary>Projection heads.</summary>
    public static IReadOnlyList<string> Heads { get; } = ["linear", "mlp"];

    /// <summary>Contrastive methods.</summary>
    public static IReadOnlyList<string> Methods { get; } = ["moco-v1", "moco-v2"];

    /// <summary>Storage of the queue.</summary>
    public static IReadOnlyList<string> QueueTypes { get; } = ["fp32", "bf16"];

    /// <summary>Learning rate schedules.</summary>
    public static IReadOnlyList<string> Schedules { get; } = ["cosine", "step"];

    /// <summary>Devices.</summary>
    public static IReadOnlyList<string> Devices { get; } = ["auto", "cpu", "cuda", "emulator"];

    /// <summary>Precisions of convolutions.</summary>
    public static IReadOnlyList<string> Precisions { get; } = ["auto", "fp32", "tf32", "bf16"];

    /// <summary>Names of <see cref="PositiveTransform"/>, in the order of its values.</summary>
    public static IReadOnlyList<string> PositiveTransforms { get; } = ["none", "extrapolate", "interpolate"];

    /// <summary>Names of <see cref="NegativeTransform"/>, in the order of its values.</summary>
    public static IReadOnlyList<string> NegativeTransforms { get; } = ["none", "replace", "extend"];

    /// <summary>Names of <see cref="LambdaScope"/>, in the order of its values.</summary>
    public static IReadOnlyList<string> Scopes { get; } = ["batch", "row", "element"];

    /// <summary>Names in a sentence: "a, b or c".</summary>
    public static string List(IReadOnlyList<string> names) =>
        names.Count == 1 ? names[0] : $"{string.Join(", ", names.SkipLast(1))} or {names[^1]}";
}
