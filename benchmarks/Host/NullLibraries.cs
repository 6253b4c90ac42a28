using FeatureTransform.Cuda;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>
/// CUDA's driver, cuDNN and cuBLASLt whose functions do nothing and succeed at once: what a program that uses them still takes is
/// its own. The driver has one device with the limits of an A100; memory of it is addresses alone.
/// </summary>
internal sealed class NullLibraries : ISymbolSource
{
    public string Name => "null execution";

    public nint Find(string symbol) => NullFunctions.AddressOf(symbol);
}

/// <summary>Calls by what they ask for.</summary>
internal struct NullCalls
{
    public int Launches, Executions, Products, Copies, Fills, Graphs, Waits, Others;

    public readonly int Work => Launches + Executions + Products + Copies + Fills + Graphs;
}
