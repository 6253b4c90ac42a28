using System.Runtime.InteropServices;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class EncoderFileTests : IDisposable
{
    private const int Size = 32;
    private readonly TemporaryFolder folder = new();
    private readonly CpuDevice device = new(ElementType.Float32, 2);
    private readonly MessageLog log = new();

    public void Dispose()
    {
        device.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("resnet18", "cifar", "mlp", 1f)]
    [InlineData("resnet50", "standard", "linear", 0.25f)]
    public void An_export_loads_into_torchvision_by_an_independent_parser(string architecture, string stem, string head, float width)
    {
        var model = new ModelOptions { Architecture = architecture, Stem = stem, Head = head, Width = width, EmbeddingSize = 24 };
        using Encoder encoder = Trained(model);
        EncoderFile.Export(Save(encoder, model), folder["e.safetensors"], log);
        PythonJudge.Run("load_export.py", folder["e.safetensors"], architecture, stem, head, $"{Size}");
        if (width == 1)
        {
            float[] theirs = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(folder["e.safetensors.out"])).ToArray();
            float[] ours = Embeddings(encoder);
            double difference = Math.Sqrt(ours.Zip(theirs, (a, b) => ((double)a - b) * (a - b)).Sum());
            double norm = Math.Sqrt(theirs.Sum(x => (double)x * x));
            Assert.True(difference <= 1e-5 * norm, $"embeddings differ by {difference / norm:E2} in norm");
        }
    }

    [Fact]
    public void A_run_a_checkpoint_and_an_export_give_the_same_encoder()
    {
        var model = new ModelOptions { EmbeddingSize = 24 };
        using Encoder encoder = Trained(model);
        string checkpoint = Save(encoder, model);
        EncoderFile.Export(checkpoint, folder["e.safetensors"], log);
        float[] expected = Embeddings(encoder);
        foreach (string path in new[] { folder["run"], checkpoint, folder["e.safetensors"] })
        {
            using LoadedEncoder loaded = EncoderFile.Load(device, path, log);
            Assert.Equal(model, loaded.Model);
            Assert.Equal(12, loaded.Epoch);
            Assert.Equal("synthetic", loaded.Options!.Data.Source);
            Assert.Equal(expected, Embeddings(loaded.Encoder));
        }
    }

    [Theory]
    [InlineData("resnet18", "cifar", 0.25f, "")]
    [InlineData("resnet34", "standard", 0.5f, "module.encoder_q.")]
    [InlineData("resnet50", "cifar", 0.25f, "module.")]
    [InlineData("resnet18", "standard", 0.25f, "encoder_q.")]
    public void A_foreign_file_gives_its_architecture_and_the_same_features(string architecture, string stem, float width, string prefix)
    {
        var model = new ModelOptions { Architecture = architecture, Stem = stem, Width = width };
        using Encoder encoder = Trained(model);
        Foreign(encoder, prefix);
        using LoadedEncoder loaded = EncoderFile.Load(device, folder["foreign"], log);
        Assert.Equal((architecture, stem, width), (loaded.Model.Architecture, loaded.Model.Stem, loaded.Model.Width));
        Assert.Null(loaded.Options);
        float[] expected = new float[2 * encoder.FeatureSize], found = new float[2 * loaded.Encoder.FeatureSize];
        encoder.Features(Images(), 2, Size, expected);
        loaded.Encoder.Features(Images(), 2, Size, found);
        Assert.Equal(expected, found);
        Assert.Contains(expected, value => value != 0);
    }

    [Fact]
    public void What_does_not_fit_is_named()
    {
        using Encoder encoder = Trained(new ModelOptions());
        Foreign(encoder, "", tensor => tensor.Name == "layer2.0.bn1.running_var" ? null : tensor);
        Refused("'layer2.0.bn1.running_var' is missing", "[32]");
        Foreign(encoder, "", tensor => tensor.Name == "layer1.0.conv2.weight" ? SafeTensor.Of(tensor.Name, new float[16], 16, 1, 1, 1) : tensor);
        Refused("'layer1.0.conv2.weight' is F32 of shape [16, 1, 1, 1]", "[16, 16, 3, 3]");
        Foreign(encoder, "", tensor => tensor.Name == "conv1.weight" ? SafeTensor.Of(tensor.Name, new float[16 * 75], 16, 3, 5, 5) : tensor);
        Refused("'conv1.weight' has shape [16, 3, 5, 5]");
        Foreign(encoder, "", tensor => tensor.Name == "conv1.weight" ? SafeTensor.Of(tensor.Name, new float[10 * 27], 10, 3, 3, 3) : tensor);
        Refused("Width");
        Foreign(encoder, "", tensor => tensor.Name.StartsWith("layer3.1", StringComparison.Ordinal) ? null : tensor);
        Refused("2, 2, 1, 2 basic blocks");
        Foreign(encoder, "backbone.");
        Refused("no tensor 'conv1.weight'");
    }

    [Fact]
    public void A_folder_without_a_run_or_a_checkpoint_is_refused()
    {
        Assert.Contains("no run folder", Message(() => EncoderFile.Load(device, folder.Path, log)), StringComparison.Ordinal);
        RunFolder.Create(folder["run"], new PretrainOptions()).Dispose();
        Assert.Contains("no checkpoint", Message(() => EncoderFile.Load(device, folder["run"], log)), StringComparison.Ordinal);
        Assert.Contains("no such file", Message(() => EncoderFile.Export(folder["x"], folder["y"], log)), StringComparison.Ordinal);
        Assert.False(File.Exists(folder["y"]));
    }

    private static string Message(Action action) => Assert.Throws<InvalidInputException>(action).Message;

    private float[] Embeddings(Encoder encoder)
    {
        Tensor embeddings = encoder.Forward(device.Images(Images(), 2, Size), ForwardMode.Inference);
        var values = new float[2 * 24];
        device.Download(embeddings, values);
        device.Free(embeddings);
        return values;
    }

    private static float[] Images() => [.. Enumerable.Range(0, 2 * Size * Size * 3).Select(i => (float)Math.Sin(i))];

    // Random weights and, so that no buffer is as it was made, odd running statistics.
    private Encoder Trained(ModelOptions model)
    {
        var encoder = new Encoder(device, model, trained: true);
        uint stream = 0;
        foreach (Parameter parameter in ParameterTensors.All(encoder.Store))
        {
            uint use = stream++;
            float scale = parameter.Kind == ParameterKind.Convolution ? 1 / MathF.Sqrt(parameter.Count / parameter.Shape[0]) : 0.5f;
            float shift = parameter.Kind is ParameterKind.NormWeight or ParameterKind.RunningVariance ? 1 : 0;
            encoder.Store.Write(parameter,
            [
                .. Enumerable.Range(0, (int)parameter.Count).Select(
                    i => shift + (scale * ((((uint)i * 2654435761u) ^ (use * 40503u)) / 2147483648f - 1))),
            ]);
        }

        encoder.Store.Refresh();
        return encoder;
    }

    private string Save(Encoder encoder, ModelOptions model)
    {
        var options = new PretrainOptions { Model = model };
        using RunFolder run = RunFolder.Create(folder["run"], options);
        run.OpenLogs(0, 0);
        run.SaveCheckpoint(new CheckpointState(encoder.Store, encoder.Store, new FeatureQueue(8, 24), options, 36, 12, []), 3);
        return Path.Combine(run.Path, "checkpoints", "step-0000000036.safetensors");
    }

    // As torch.save's converters write it: a classifier of 1000 classes, and batch counters.
    private void Foreign(Encoder encoder, string prefix, Func<SafeTensor, SafeTensor?>? change = null)
    {
        IEnumerable<SafeTensor> body = ParameterTensors.Write("", ParameterTensors.All(encoder.Store), encoder.Store.Read)
            .Where(tensor => !tensor.Name.StartsWith("fc.", StringComparison.Ordinal))
            .Append(SafeTensor.Of("fc.weight", new float[1000 * 7], 1000, 7))
            .Append(SafeTensor.Of("bn1.num_batches_tracked", new[] { 5L }));
        SafeTensorsWriter.Write(
            folder["foreign"], [],
            body.Select(tensor => change is null ? tensor : change(tensor)).OfType<SafeTensor>()
                .Select(tensor => tensor with { Name = prefix + tensor.Name }));
    }

    private void Refused(params string[] expected)
    {
        string message = Message(() => EncoderFile.Load(device, folder["foreign"], log));
        Assert.All(expected, part => Assert.Contains(part, message, StringComparison.Ordinal));
    }
}
