using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>Finds out from names and shapes which ResNet a file holds, whoever wrote it.</summary>
internal static class ResNetShape
{
    // What training frameworks put before torchvision's names: DistributedDataParallel, MoCo's query encoder, and both.
    private static readonly string[] Prefixes = ["", "module.", "encoder_q.", "module.encoder_q.", Checkpoint.QueryPrefix];

    private const int BaseWidth = 64;

    /// <summary>The prefix before the encoder's names.</summary>
    /// <exception cref="InvalidInputException">No ResNet's names are there.</exception>
    public static string Prefix(SafeTensorsFile file) =>
        Prefixes.FirstOrDefault(prefix => file.Tensors.ContainsKey(prefix + "conv1.weight"))
            ?? throw file.Error(
                $"it has no tensor 'conv1.weight': expected a ResNet with torchvision's names, plain or after one of {string.Join(", ", Prefixes[1..])}");

    /// <summary>Architecture, stem and width.</summary>
    /// <exception cref="InvalidInputException">It is none of the ResNets known here.</exception>
    public static ModelOptions Infer(SafeTensorsFile file, string prefix)
    {
        int[] conv1 = file.Tensors[prefix + "conv1.weight"].Shape;
        string stem = conv1 switch
        {
            [_, 3, 3, 3] => "cifar",
            [_, 3, 7, 7] => "standard",
            _ => throw file.Error(
                $"tensor '{prefix}conv1.weight' has shape [{string.Join(", ", conv1)}]: expected [K, 3, 3, 3] or [K, 3, 7, 7]"),
        };
        int[] blocks = [.. Enumerable.Range(1, 4).Select(stage => Enumerable.Range(0, int.MaxValue).First(
            block => !file.Tensors.ContainsKey($"{prefix}layer{stage}.{block}.conv1.weight")))];
        bool bottleneck = file.Tensors.ContainsKey(prefix + "layer1.0.conv3.weight");
        string architecture = (blocks, bottleneck) switch
        {
            ([2, 2, 2, 2], false) => "resnet18",
            ([3, 4, 6, 3], false) => "resnet34",
            ([3, 4, 6, 3], true) => "resnet50",
            _ => throw file.Error(
                $"its stages have {string.Join(", ", blocks)} {(bottleneck ? "bottleneck" : "basic")} blocks: expected those of resnet18, resnet34 or resnet50"),
        };
        return new ModelOptions { Architecture = architecture, Stem = stem, Width = (float)conv1[0] / BaseWidth, Head = "linear" };
    }
}
