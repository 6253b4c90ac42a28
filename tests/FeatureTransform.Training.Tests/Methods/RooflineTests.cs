using FeatureTransform.Benchmarks.Roofline;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>The work of a step that docs/roofline.md tells, beside what is known of the networks.</summary>
public sealed class RooflineTests
{
    // torchvision's models say how many multiply-adds an image takes; its classifier is not in our networks.
    [Theory]
    [InlineData("resnet18", 1.814, 512)]
    [InlineData("resnet34", 3.664, 512)]
    [InlineData("resnet50", 4.089, 2048)]
    public void An_image_of_224_pixels_takes_the_multiplications_that_torchvision_tells(string architecture, double billions, int features)
    {
        const int n = 8, classes = 1000;
        using var device = new CountingDevice();
        using var encoder = new Encoder(
            device, new ModelOptions { Architecture = architecture, Stem = "standard", Width = 1 }, trained: true);
        _ = encoder.Forward(device.Make(n, 224, 224, 8), new ForwardMode(BatchStatistics: true, KeepForBackward: true, Groups: 1));
        double forward = Flops(device.Work, ": convolution") / 2 / n; // two a multiply-add
        Assert.Equal(billions, (forward + (features * classes)) / 1e9, 3);
    }

    [Fact]
    public void ResNet18_at_32_pixels_has_the_work_that_is_counted_by_hand()
    {
        const int n = 512;
        IReadOnlyList<LayerWork> step = RooflineNetwork.All.First(network => network.Name == $"ResNet-18, 32 px, batch {n}").Work;

        // Layer 1 has four filters of 64 x 64 x 3 x 3; each later one a first of half the channels, three more, and a shortcut.
        double stem = 1024.0 * 64 * 3 * 9, layer1 = 4.0 * 1024 * 64 * 64 * 9;
        double later = new[] { (Pixels: 256.0, C: 128), (64, 256), (16, 512) }.Sum(layer =>
            layer.Pixels * layer.C * ((layer.C / 2 * 9) + (3 * layer.C * 9) + (layer.C / 2)));
        double image = stem + layer1 + later;
        Assert.Equal(0.555, image / 1e9, 3);
        Assert.Equal(2 * 2 * n * image, Flops(step, ": convolution"));
        Assert.Equal(2 * n * image, Flops(step, "backward filter"));
        Assert.Equal(2 * n * (image - stem), Flops(step, "backward data"));

        double x = 2.0 * n * 1024 * 64, filter = 2.0 * 64 * 64 * 9;
        Assert.Equal(2 * 4 * ((2 * x) + filter), Bytes(step, "layer1: convolution"));

        // Filters 11159232, norms 2 x 4800, head 512 x 512 + 512 and 128 x 512 + 128. The average reads two floats, and writes one and
        // its bf16; SGD reads weight and velocity, writes both and the bf16, and reads a gradient of 2 bytes or 4.
        const double filters = 11159232, others = (2 * 4800) + (512 * 513) + (128 * 513);
        Assert.Equal((14 * (filters + others)) + (20 * filters) + (22 * others), Bytes(step, "parameter update"));
    }

    [Fact]
    public void A_part_takes_the_longer_of_its_arithmetic_and_its_memory()
    {
        var peak = new DevicePeak("", Flops: 100, Bandwidth: 10, Link: 1);
        Assert.Equal(3, peak.Seconds(new LayerWork("", Flops: 300, Bytes: 20)));
        Assert.Equal(2, peak.Seconds(new LayerWork("", Flops: 100, Bytes: 20)));
        Assert.True(peak.Computes(new LayerWork("", Flops: 300, Bytes: 20)));
        Assert.False(peak.Computes(new LayerWork("", Flops: 100, Bytes: 20)));
    }

    [Fact]
    public void The_document_is_of_this_code()
    {
        string written = File.ReadAllText(RepositoryFiles.Find("docs", "roofline.md")).ReplaceLineEndings("\n");
        Assert.True(
            written == RooflineReport.Write(),
            "docs/roofline.md is stale: dotnet run -c Release --project benchmarks -- roofline docs/roofline.md");
    }

    private static double Flops(IEnumerable<LayerWork> step, string part) =>
        step.Where(work => work.Group.EndsWith(part, StringComparison.Ordinal)).Sum(work => work.Flops);

    private static double Bytes(IEnumerable<LayerWork> step, string part) => step.Where(work => work.Group == part).Sum(work => work.Bytes);
}
