using System.Text.Json.Serialization;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// One figure of a kernel on an architecture beside what it must be and what it aims at (none: it is only told).
/// </summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Arch">The architecture.</param>
/// <param name="Name">What is counted or computed, and its unit.</param>
/// <param name="Value">How much.</param>
/// <param name="Must">What it must be.</param>
/// <param name="Aim">What it aims at.</param>
internal sealed record Figure(
    string Kernel, string Arch, [property: JsonPropertyName("figure")] string Name, double Value, double? Must = null,
    double? Aim = null)
{
    /// <summary>Whether more is better.</summary>
    [JsonIgnore]
    public bool AtLeast { get; init; }

    /// <summary>Whether it is what it must be.</summary>
    public bool Met => Reaches(Must);

    /// <summary>Whether it reaches its aim too.</summary>
    [JsonIgnore]
    public bool AimMet => Reaches(Aim);

    private bool Reaches(double? bar) => bar is not { } limit || (AtLeast ? Value >= limit : Value <= limit);
}
