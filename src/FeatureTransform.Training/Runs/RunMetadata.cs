using System.Globalization;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>Metadata that say of a safetensors file which run it comes from; shared by checkpoints, exports and dumps.</summary>
internal static class RunMetadata
{
    public const string Options = "options", Epoch = "epoch", Step = "step", QueuePosition = "queue_position";

    /// <summary>Method, seed, epoch and options as JSON. <c>format</c> is what Python's libraries look for.</summary>
    public static Dictionary<string, string> Of(PretrainOptions options, int epoch) => new()
    {
        ["format"] = "pt",
        ["method"] = options.Method.Name,
        ["seed"] = options.Run.Seed.ToString(CultureInfo.InvariantCulture),
        [Epoch] = epoch.ToString(CultureInfo.InvariantCulture),
        [Options] = RunConfig.Serialize(options),
    };
}
