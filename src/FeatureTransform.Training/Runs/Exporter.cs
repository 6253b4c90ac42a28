namespace FeatureTransform.Training.Runs;

/// <summary>Writes an encoder for other programs.</summary>
public static class Exporter
{
    /// <summary>Writes the encoder of a run or checkpoint as safetensors with torchvision's names.</summary>
    public static void Export(string source, string destination, IProgressReport progress) =>
        throw new InvalidInputException("Export is not there yet.");
}
