using System.Globalization;
using System.Text;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Tests.Real;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Networks;
using FeatureTransform.Training.Options;
using Encoder = FeatureTransform.Training.Networks.Encoder;

namespace FeatureTransform.Benchmarks.Plans;

/// <summary>Writes which engine cuDNN chooses for each graph of the networks, for devices that need not be here.</summary>
internal static class PlanReport
{
    private static readonly int[] Batches = [256, 32];

    /// <summary>What is planned: architectures with both stems, at the size of image that goes with each.</summary>
    public static IReadOnlyList<(ModelOptions Options, int Size)> Networks { get; } =
    [
        (new ModelOptions { Architecture = "resnet18", Stem = "cifar", Width = 1 }, 32),
        (new ModelOptions { Architecture = "resnet18", Stem = "standard", Width = 1 }, 224),
        (new ModelOptions { Architecture = "resnet34", Stem = "standard", Width = 1 }, 224),
        (new ModelOptions { Architecture = "resnet50", Stem = "standard", Width = 1 }, 224),
    ];

    /// <summary>The graphs of all of them, each once.</summary>
    public static IReadOnlyList<OperationGraph> Graphs(int n, ElementType type) =>
        [.. Networks.SelectMany(network => Graphs(network.Options, n, network.Size, groups: 1, type)).DistinctBy(graph => graph.ToString())];

    /// <summary>The graphs of a training step, each once.</summary>
    public static IReadOnlyCollection<OperationGraph> Graphs(ModelOptions options, int n, int size, int groups, ElementType type)
    {
        using var device = new ShapeDevice(type == ElementType.BFloat16 ? CudaPrecision.BFloat16 : CudaPrecision.Float32);
        using var encoder = new Encoder(device, options, trained: true);
        encoder.Backward(encoder.Forward(device.Images([], n, size), new ForwardMode(BatchStatistics: true, KeepForBackward: true, groups)));
        return device.Graphs;
    }

    /// <summary>0 where every graph has a plan.</summary>
    public static int Run(string[] args)
    {
        if (args is not [string file])
        {
            Console.Error.WriteLine("expected: cudnn-plans FILE");
            return 2;
        }

        CuDnn library;
        try
        {
            library = new CuDnn(Source());
        }
        catch (Exception exception) when (exception is CudaException or IOException)
        {
            Console.Error.WriteLine(exception.Message);
            return 2;
        }

        KernelCache cache = KernelCache.Open(Console.Error.WriteLine);
        CuDnnDevice[] devices = [.. PlannedDevice.All.Select(device => CuDnnDevice.Parse(library, device.Json))];
        GraphPlanner[] planners = [.. devices.Select(device => new GraphPlanner(device, null, strict: false, cache))];
        var text = new StringBuilder();
        int missing = 0, count = 0;
        var largest = new long[planners.Length];
        foreach (int n in Batches)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## Batch {n}\n\n| graph | shapes |");
            text.AppendJoin('|', PlannedDevice.All.Select(device => $" {device.Name} ")).Append("|\n|---|---|");
            text.AppendJoin("", planners.Select(_ => "---|")).Append('\n');
            foreach (OperationGraph graph in Graphs(n, ElementType.BFloat16))
            {
                string[] cells = [.. planners.Select((planner, i) => Cell(planner, graph, ref largest[i]))];
                missing += cells.Count(cell => cell.Length == 0);
                count += cells.Length;
                text.Append(CultureInfo.InvariantCulture, $"| {Operations(graph)} | {Shapes(graph)} | {string.Join(" | ", cells)} |\n");
                Console.Error.WriteLine($"{n}: {Operations(graph)} {Shapes(graph)}: {cells[^1]}");
            }
        }

        foreach (CuDnnDevice device in devices)
        {
            device.Dispose();
        }

        string most = string.Join(", ", PlannedDevice.All.Select((device, i) => $"{device.Name} {Bytes(largest[i])}"));
        File.WriteAllText(file, $"""
            # Plans of cuDNN

            Which engine cuDNN chooses for each graph of ResNet-18 (CIFAR's and ImageNet's stem), -34 and -50 in bf16: its number, what it
            notes about its numerics, and its workspace. {library} makes the plans for devices that its text describes; nothing is
            executed, so this shows neither results nor speed. The archive has only those engines that are compiled at run time: a
            complete cuDNN has more to choose from. Nondeterministic engines are left out.

            {count - missing} of {count} plans were made. Largest workspaces: {most}.

            Written by `dotnet run -c Release --project benchmarks -- cudnn-plans docs/cudnn-plans.md`.
            {text}
            """);
        return missing == 0 ? 0 : 1;
    }

    private static ISymbolSource Source()
    {
        try
        {
            return NativeLibraries.CuDnn();
        }
        catch (CudaException exception) when (exception.IsUnavailable)
        {
            _ = NativeLibraries.Driver(); // which the archive's asks for by name, and NVRTC too
            _ = NativeLibraries.Nvrtc(12);
        }

        return CuDnnArchive.Load(Path.GetFullPath("../shared/cuda/cudnn-jit-9.27.tar.xz"), Path.GetTempPath());
    }

    private static string Cell(GraphPlanner planner, OperationGraph graph, ref long largest)
    {
        try
        {
            using GraphPlan plan = planner.Plan(graph);
            largest = Math.Max(largest, plan.WorkspaceBytes);
            string engine = plan.Engine.Replace("engine ", "", StringComparison.Ordinal)
                .Replace(", runtime compilation", "", StringComparison.Ordinal)
                .Replace(", supports cuda graph native api", "", StringComparison.Ordinal);
            return $"{engine}; {Bytes(plan.WorkspaceBytes)}";
        }
        catch (CudaException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return "";
        }
    }

    private static string Operations(OperationGraph graph) => string.Join(", ", graph.Operations.Select(operation => operation.Name));

    private static string Shapes(OperationGraph graph) =>
        string.Join("; ", graph.Stored.Where(tensor => tensor.H * tensor.W > 1 || tensor.N > 1)
            .Select(tensor => string.Join(" x ", tensor.Dimensions)).Distinct());

    private static string Bytes(long bytes) => bytes < 1 << 20
        ? $"{bytes} B"
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (double)(1 << 20):F1} MiB");
}
