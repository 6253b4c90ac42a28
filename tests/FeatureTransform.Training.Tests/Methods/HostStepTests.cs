using FeatureTransform.Benchmarks.Host;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>A step with libraries that do nothing, whose host time the benchmarks tell.</summary>
public sealed class HostStepTests
{
    [Theory]
    [InlineData("resnet18", "cifar", 1, false)]
    [InlineData("resnet50", "standard", 1, false)]
    [InlineData("resnet18", "cifar", 2, false)]
    [InlineData("resnet18", "cifar", 2, true)]
    public void A_step_asks_for_no_managed_memory(string architecture, string stem, int groups, bool cudaGraph)
    {
        PretrainOptions tiny = TinyMoCo.TiledOptions(groups);
        using var step = new HostStep(tiny with
        {
            Data = tiny.Data with { ImageSize = 32 },
            Model = tiny.Model with { Architecture = architecture, Stem = stem },
        }, cudaGraph);
        for (int i = 0; i < 3; i++)
        {
            step.Run(); // plans, buffers, and tables that grow
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        step.Run();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>What is timed is the step that an emulator computes: the calls are as many as those of its list.</summary>
    [Fact]
    public void A_step_makes_the_calls_of_the_list()
    {
        using var step = new HostStep(TinyMoCo.TiledOptions(1), cudaGraph: false);
        step.Run();
        step.Run();
        _ = NullFunctions.Take();
        step.Run();
        NullCalls calls = NullFunctions.Take();
        Dictionary<string, int> listed = StepTraceTests.ListedCalls();
        Assert.Equal(Listed("cuLaunchKernel"), calls.Launches);
        Assert.Equal(Listed("cudnnBackendExecute"), calls.Executions);
        Assert.Equal(Listed("cublasLtMatmul"), calls.Products);
        Assert.Equal(Listed("cuMemcpyDtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyHtoDAsync_v2"), calls.Copies);
        Assert.Equal(Listed("cuMemsetD8Async", "cuMemsetD32Async"), calls.Fills);
        Assert.Equal(Listed("cuGraphLaunch"), calls.Graphs);
        Assert.Equal(Listed("cuEventSynchronize", "cuStreamSynchronize"), calls.Waits);
        Assert.Equal(listed.Values.Sum(), calls.Work + calls.Waits + calls.Others);

        int Listed(params string[] functions) => functions.Sum(function => listed.GetValueOrDefault(function));
    }
}
