using System.Diagnostics;
using System.Globalization;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.Host;

/// <summary>
/// What a training step takes of the host: its time, its calls of the CUDA libraries and the managed memory it asks for, measured with
/// libraries that do nothing. A step that takes longer here than its work takes on the device is one that the device waits for.
/// </summary>
internal static class HostFigures
{
    private const int WarmUp = 60, Repeats = 60;
    private const double MostMilliseconds = 3, MostOfGraph = 0.2;

    /// <summary>Prints a table in Markdown; 1 where a bar is missed.</summary>
    public static int Run()
    {
        Console.WriteLine(
            $"""
            Host time of a training step of MoCo in bf16 with null execution, {Repeats} steps after {WarmUp}; milliseconds. Bars:
            {MostMilliseconds} ms in the median, {MostOfGraph} ms as a graph, 0 bytes.

            | network | by | median | 90 % | launches | cuDNN | products | copies | fills | graphs | waits | other calls | bytes | bars |
            |---|---|---|---|---|---|---|---|---|---|---|---|---|---|
            """);
        bool met = true;
        foreach (bool cudaGraph in new[] { false, true })
        {
            met &= Print("ResNet-18, 32 px, N 512", Options("resnet18", "cifar", 32, 512), cudaGraph);
            met &= Print("ResNet-50, 224 px, N 256", Options("resnet50", "standard", 224, 256), cudaGraph);
        }

        return met ? 0 : 1;
    }

    private static PretrainOptions Options(string architecture, string stem, int size, int n) => new()
    {
        Data = new DataOptions { ImageSize = size },
        Model = new ModelOptions { Architecture = architecture, Stem = stem, Width = 1 },
        Method = new MethodOptions { QueueSize = 65536 },
        Optimizer = new OptimizerOptions { BatchSize = n },
    };

    private static bool Print(string network, PretrainOptions options, bool cudaGraph)
    {
        using var step = new HostStep(options, cudaGraph);
        for (int i = 0; i < WarmUp; i++)
        {
            step.Run();
        }

        var times = new double[Repeats];
        NullCalls calls = default;
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Repeats; i++)
        {
            _ = NullFunctions.Take();
            long start = Stopwatch.GetTimestamp();
            step.Run();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            calls = NullFunctions.Take();
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        bool met = Quantile(times, 0.5) <= (cudaGraph ? MostOfGraph : MostMilliseconds) && allocated == 0;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {network} | {(cudaGraph ? "graph" : "calls")} | {Quantile(times, 0.5):F3} | {Quantile(times, 0.9):F3} | " +
            $"{calls.Launches} | {calls.Executions} | {calls.Products} | {calls.Copies} | {calls.Fills} | {calls.Graphs} | {calls.Waits} | " +
            $"{calls.Others} | {(double)allocated / Repeats:0.#} | {(met ? "met" : "**missed**")} |"));
        return met;
    }

    private static double Quantile(double[] values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
    }
}
