using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.Roofline;

/// <summary>A training step of MoCo, by the work of its operations.</summary>
internal sealed record RooflineNetwork(string Name, int N, IReadOnlyList<LayerWork> Work, double Uploaded)
{
    /// <summary>The networks of the table.</summary>
    public static IReadOnlyList<RooflineNetwork> All { get; } =
        [Of("ResNet-18", "resnet18", "cifar", 32, 512), Of("ResNet-50", "resnet50", "standard", 224, 256)];

    // At full width.
    private static RooflineNetwork Of(string name, string architecture, string stem, int size, int n)
    {
        var options = new PretrainOptions
        {
            Data = new DataOptions { ImageSize = size },
            Model = new ModelOptions { Architecture = architecture, Stem = stem, Width = 1 },
            Method = new MethodOptions { QueueSize = 65536, QueueType = "bf16" },
            Optimizer = new OptimizerOptions { BatchSize = n },
        };
        using var device = new CountingDevice();
        using var moco = new MoCo(device, options);
        moco.Step(moco.CreateBatch(), 0, transform: true, learningRate: 0.03f);
        return new RooflineNetwork($"{name}, {size} px, batch {n}", n, [.. device.Work], device.Uploaded);
    }
}
