using System.Globalization;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>An encoder from a file, and what is known of where it comes from.</summary>
/// <param name="Encoder">The encoder, for inference; the caller disposes it.</param>
/// <param name="Model">Its shape.</param>
/// <param name="Options">Options of the run that made it; null for another program's file.</param>
/// <param name="Epoch">Epochs it was trained for; null for another program's file.</param>
/// <param name="Origin">The file, in a few words for a person.</param>
internal sealed record LoadedEncoder(Encoder Encoder, ModelOptions Model, PretrainOptions? Options, int? Epoch, string Origin) : IDisposable
{
    public void Dispose() => Encoder.Dispose();
}

/// <summary>Encoders as safetensors files with torchvision's names.</summary>
public static class EncoderFile
{
    private const string HeadName = "fc.";

    /// <summary>
    /// Writes the query encoder of a run (its newest good checkpoint) or of one checkpoint: every parameter and buffer under
    /// torchvision's name, the projection head as <c>fc.weight</c> (linear) or <c>fc.0.weight</c>, <c>fc.2.weight</c> (mlp, as
    /// in MoCo v2). Metadata: method, epoch, seed and options.
    /// </summary>
    /// <exception cref="InvalidInputException">The source cannot be read, or the destination not written.</exception>
    public static void Export(string source, string destination, IProgressReport report)
    {
        using Checkpoint checkpoint = OpenCheckpoint(source, report);
        SafeTensorsWriter.Write(destination, RunMetadata.Of(checkpoint.Options, checkpoint.Epoch), checkpoint.QueryTensors());
    }

    /// <summary>
    /// Loads an encoder for evaluation from a run folder (its newest good checkpoint), a checkpoint, an exported file, or any
    /// safetensors file with a ResNet under torchvision's names. Of another program's file only the body is loaded: its
    /// <c>fc</c> classifies into classes of its own, and features are taken before it.
    /// </summary>
    /// <exception cref="InvalidInputException">It cannot be read; a tensor is missing or has another shape.</exception>
    internal static LoadedEncoder Load(IDevice device, string path, IProgressReport report)
    {
        if (Directory.Exists(path))
        {
            using Checkpoint checkpoint = OpenCheckpoint(path, report);
            return Load(device, checkpoint.File);
        }

        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        return Load(device, file);
    }

    private static LoadedEncoder Load(IDevice device, SafeTensorsFile file)
    {
        string prefix = ResNetShape.Prefix(file);
        PretrainOptions? options =
            file.HasChecksum && file.Metadata.TryGetValue(RunMetadata.Options, out string? json) ? RunConfig.Parse(json, file.Path) : null;
        int? epoch = options is null ? null : int.Parse(file.Metadata[RunMetadata.Epoch], CultureInfo.InvariantCulture);
        ModelOptions model = options?.Model ?? ResNetShape.Infer(file, prefix);
        var encoder = new Encoder(device, model, trained: false);
        try
        {
            IEnumerable<Parameter> wanted = ParameterTensors.All(encoder.Store)
                .Where(parameter => options is not null || !parameter.Name.StartsWith(HeadName, StringComparison.Ordinal));
            ParameterTensors.Restore(file, prefix, wanted, encoder.Store);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }

        string origin = options is null ? "weights of another program" : $"{options.Method.Name}, epoch {epoch}";
        return new LoadedEncoder(encoder, model, options, epoch, $"{file.Path} ({model.Architecture}, {origin})");
    }

    private static Checkpoint OpenCheckpoint(string path, IProgressReport report)
    {
        if (!Directory.Exists(path))
        {
            return Checkpoint.Open(path);
        }

        if (!RunFolder.IsRun(path))
        {
            throw new InvalidInputException($"'{path}' is no run folder: expected one with config.json, or a .safetensors file.");
        }

        return RunFolder.CheckpointsOf(path).OpenNewestGood(report)
            ?? throw new InvalidInputException($"The run in '{path}' has no checkpoint yet: train it first.");
    }
}
