using FeatureTransform.Benchmarks.Plans;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Tests.Real;
using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Cuda;

/// <summary>The real cuDNN makes plans of the network's graphs for devices that are not here.</summary>
public sealed class CuDnnPlanTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Probe(int typeIndex)
    {
        var library = new CuDnn(RealLibraries.CuDnnSource());
        using CuDnnDevice device = CuDnnDevice.Parse(library, PlannedDevice.All[0].Json);
        var planner = new GraphPlanner(device, null, strict: typeIndex == 0, null);
        int failures = 0;
        foreach (OperationGraph graph in NetworkTrace.Graphs(new ModelOptions { Architecture = "resnet18", Stem = "standard" }, (ElementType)typeIndex, 32, 64, 2))
        {
            try
            {
                long start = System.Diagnostics.Stopwatch.GetTimestamp();
                using GraphPlan plan = planner.Plan(graph);
                Console.WriteLine($"{graph.Name}: {plan.Engine}, {plan.WorkspaceBytes} {System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds:F0} ms");
            }
            catch (CudaException e)
            {
                failures++;
                Console.WriteLine("FAIL " + e.Message);
            }
        }
        Assert.Equal(0, failures);
    }
}
