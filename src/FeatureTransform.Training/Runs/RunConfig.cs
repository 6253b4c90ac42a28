using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary><c>config.json</c> of a run folder.</summary>
public static class RunConfig
{
    /// <summary>Name of the file in a run folder.</summary>
    public const string FileName = "config.json";

    /// <summary>Reads the options that a run wrote.</summary>
    public static PretrainOptions Read(string path) => throw new InvalidInputException("Reading config.json is not there yet.");
}
