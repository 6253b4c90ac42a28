using FeatureTransform.Benchmarks.Plans;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Tests.Real;
using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Cuda;

/// <summary>
/// The real cuDNN makes plans of the networks' graphs, by the code that trains, for devices that are not here. What of the library
/// is at hand has only the engines that are compiled at run time; in fp32 those have no gradient of a filter without tensor cores.
/// </summary>
public sealed class CuDnnPlanTests
{
    private const string Full = "FT_FULL";

    private static readonly ModelOptions LargeResNet50 = new() { Architecture = "resnet50", Stem = "standard", Width = 1 };

    public static TheoryData<string, int> Devices => new(
        from device in PlannedDevice.All from n in (int[])[256, 32] select new TheoryDataRow<string, int>(device.Name, n));

    private static readonly ModelOptions CifarResNet18 = new() { Architecture = "resnet18", Stem = "cifar", Width = 1 };

    /// <summary>One graph of each kind of ResNet-50, and of ResNet-18 with CIFAR's stem, at batch 256, of those that have several shapes the first.</summary>
    [Theory]
    [InlineData("A100", ElementType.BFloat16)]
    [InlineData("H100", ElementType.BFloat16)]
    [InlineData("RTX 4090", ElementType.Float32)]
    public void Each_kind_of_graph_has_a_plan(string device, ElementType type)
    {
        OperationGraph[] kinds = [.. PlanReport.Graphs(LargeResNet50, 256, 224, 1, type).Concat(PlanReport.Graphs(CifarResNet18, 256, 32, 1, type))
            .DistinctBy(graph => (graph.Name, string.Join(' ', graph.Tensors.Select(tensor => (tensor.Name, tensor.Storage)))))];

        // 3 of convolution, 2 of pooling, and batch norm: alone, with a ReLU, with a shortcut too; backward: alone, with a ReLU, and each
        // with a second summand or a stored gradient, or both.
        Assert.Equal(3 + 2 + 3 + 5, kinds.Length);
        Plan(device, kinds, type);
    }

    /// <summary>Every graph of ResNet-18, -34 and -50: minutes.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Every_graph_has_a_plan(string device, int n)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Full) == "1", $"{Full}=1 runs this.");
        Plan(device, PlanReport.Graphs(n, ElementType.BFloat16), ElementType.BFloat16);
    }

    [Fact]
    public void Shuffled_groups_have_plans_with_and_without_running_statistics()
    {
        OperationGraph[] norms = [.. PlanReport.Graphs(new ModelOptions { Width = 1 }, 256, 32, 8, ElementType.BFloat16)
            .Where(graph => graph.Name == "batch norm").Take(4)];
        Assert.Contains(norms, graph => graph.Tensors.Any(tensor => tensor.Name == "new_mean"));
        Assert.Contains(norms, graph => graph.Tensors.All(tensor => tensor.Name != "new_mean"));
        Plan("A100", norms, ElementType.BFloat16);
    }

    [Fact]
    public void A_plan_is_loaded_from_its_text_and_not_for_another_device()
    {
        CuDnn library = Library();
        string folder = Directory.CreateTempSubdirectory("cudnn-plans").FullName;
        try
        {
            var cache = new KernelCache(folder);
            OperationGraph graph = PlanReport.Graphs(new ModelOptions(), 32, 32, 1, ElementType.BFloat16).First(g => g.Name == "batch norm");
            foreach ((PlannedDevice planned, bool isCached) in (
                (PlannedDevice, bool)[])[(PlannedDevice.All[0], false), (PlannedDevice.All[0], true), (PlannedDevice.All[2], false)])
            {
                using CuDnnDevice device = CuDnnDevice.Parse(library, planned.Json);
                using GraphPlan plan = new GraphPlanner(device, null, strict: false, cache).Plan(graph);
                Assert.Equal(isCached, plan.IsCached);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_graph_without_an_engine_is_shown()
    {
        using CuDnnDevice device = CuDnnDevice.Parse(Library(), PlannedDevice.All[0].Json);
        var graph = new OperationGraph("no such norm");
        GraphTensor dy = graph.Tensor("dy", cudnnDataType_t.CUDNN_DATA_BFLOAT16, 2, 4, 4, 16);
        GraphTensor x = graph.Tensor("x", cudnnDataType_t.CUDNN_DATA_BFLOAT16, 2, 4, 4, 16);
        GraphTensor mask = graph.Tensor("mask", cudnnDataType_t.CUDNN_DATA_BOOLEAN, 2, 4, 4, 16);
        GraphTensor wide = graph.Virtual("wide", cudnnDataType_t.CUDNN_DATA_FLOAT, dy); // instead of bf16
        graph.Pointwise(cudnnPointwiseMode_t.CUDNN_POINTWISE_MUL, dy, mask, wide);
        var norm = new GraphNorm(graph.Channels("scale", 16), graph.Channels("mean", 16), graph.Channels("inverse", 16));
        graph.NormBackward(
            wide, x, norm, graph.Tensor("dx", cudnnDataType_t.CUDNN_DATA_BFLOAT16, 2, 4, 4, 16), graph.Channels("dscale", 16),
            graph.Channels("dbias", 16));
        string message = Assert.Throws<CudaException>(() => new GraphPlanner(device, null, false, null).Plan(graph)).Message;
        Assert.Contains("has no engine for no such norm:\n  dy: bf16 2 x 16 x 4 x 4", message, StringComparison.Ordinal);
    }

    private static CuDnn Library() => new(RealLibraries.CuDnnSource());

    private static void Plan(string deviceName, IReadOnlyList<OperationGraph> graphs, ElementType type)
    {
        using CuDnnDevice device = CuDnnDevice.Parse(Library(), PlannedDevice.All.First(planned => planned.Name == deviceName).Json);
        var planner = new GraphPlanner(device, handle: null, strict: false, cache: null);
        foreach (OperationGraph graph in graphs)
        {
            using GraphPlan plan = planner.Plan(graph); // or it throws, and shows the graph
            Assert.DoesNotContain("nondeterministic", plan.Engine, StringComparison.Ordinal);
            Assert.InRange(plan.WorkspaceBytes, 0, type == ElementType.BFloat16 ? 64 << 20 : 512 << 20);
        }
    }
}
