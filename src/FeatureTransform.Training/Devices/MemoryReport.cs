using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices;

/// <summary>The device memory that a run needs on CUDA, for a person.</summary>
public static class MemoryReport
{
    /// <summary>Names and values; neither a device nor images are needed.</summary>
    /// <exception cref="InvalidInputException">The precision has no such name.</exception>
    public static IReadOnlyList<(string Name, string Value)> Describe(PretrainOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        MemoryPlan plan = MemoryPlan.Of(options, DeviceSelector.CudaPrecisionOf(options.Run));
        return
        [
            ("device memory", $"{MemoryPlan.Size(plan.Total)}, besides what CUDA itself takes"),
            ("activations", MemoryPlan.Size(plan.Activations)),
            ("parameters", MemoryPlan.Size(plan.Parameters)),
            ("workspace", $"{MemoryPlan.Size(plan.Workspace)} at most"),
            ("queue", MemoryPlan.Size(plan.Queue)),
            ("images", $"{MemoryPlan.Size(plan.Images)}, and more where they are larger than the views"),
        ];
    }
}
