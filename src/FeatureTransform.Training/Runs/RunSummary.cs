using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FeatureTransform.Training.Runs;

/// <summary>What came out of a run; <c>summary.json</c>, with keys in snake case. Accuracies in percent, null where not measured.</summary>
public sealed record RunSummary
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>k-NN accuracy of the trained encoder.</summary>
    public float? KnnTop1 { get; init; }

    /// <summary>k-NN accuracy on raw pixels.</summary>
    public float? KnnTop1Pixels { get; init; }

    /// <summary>k-NN accuracy of the encoder before training.</summary>
    public float? KnnTop1Untrained { get; init; }

    /// <summary>Accuracy of the linear probe.</summary>
    public float? LinearTop1 { get; init; }

    /// <summary>Wall seconds of the whole run, from the opening of the images to the end of the evaluation.</summary>
    public required double Seconds { get; init; }

    /// <summary>Image pairs trained on in a second, evaluation not counted.</summary>
    public required double PairsPerSecond { get; init; }

    /// <summary>Share of that time in which training waited for data.</summary>
    public double DataWait { get; init; }

    /// <summary>Device, precision and threads.</summary>
    public required string Device { get; init; }

    /// <summary>What the feature transformation was and what it changed, in words.</summary>
    public string? Ft { get; init; }

    /// <summary>Versions of what computed it.</summary>
    public required RunVersions Versions { get; init; }

    /// <summary>Git commit of the build, null where it was not built in a repository.</summary>
    public string? Commit { get; init; } = RunVersions.BuildCommit;

    internal string ToJson() => JsonSerializer.Serialize(this, Json);
}

/// <summary>Versions of what computed a run.</summary>
/// <param name="Runtime">.NET runtime.</param>
/// <param name="Libtorch">LibTorch; null where the device does without.</param>
/// <param name="Cuda">CUDA's driver and libraries; null where the device does without.</param>
/// <param name="Package">This package.</param>
public sealed record RunVersions(string Runtime, string? Libtorch, string? Cuda, string Package)
{
    // "0.1.0+<commit>", as the SDK writes it in a repository.
    private static readonly string[] Informational =
        (typeof(RunVersions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown").Split('+');

    internal static string? BuildCommit => Informational.Length > 1 ? Informational[1] : null;

    /// <summary>The versions in this process, with those of the libraries as their bindings say them.</summary>
    public static RunVersions Current(string? libtorch, string? cuda) =>
        new(RuntimeInformation.FrameworkDescription, libtorch, cuda, Informational[0]);
}
