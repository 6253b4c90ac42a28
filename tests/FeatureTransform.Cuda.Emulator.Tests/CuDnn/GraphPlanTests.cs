using FeatureTransform.Cuda.Emulator.Tests.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.CuDnn;

/// <summary>Planning, the cache of plans, execution in the order of a stream, and failures, on the emulated cuDNN.</summary>
public sealed class GraphPlanTests : HostTest
{
    private const int Count = 2 * 3 * 3 * 8;
    private static readonly float[] X = [.. Enumerable.Range(0, Count).Select(i => (i % 7) - 3f)];
    private static readonly float[] W = [.. Enumerable.Range(0, 8 * 8).Select(i => i % 9 == 0 ? 2f : 0)]; // twice the identity

    [Fact]
    public void The_first_engine_that_is_allowed_and_can_be_made_ready_is_taken()
    {
        using var run = new Run(this);
        using GraphPlan fast = run.Planner(strict: false).Plan(Doubling()), strict = run.Planner(strict: true).Plan(Doubling());
        Assert.StartsWith("engine 2, tensor core", fast.Engine, StringComparison.Ordinal);
        Assert.StartsWith("engine 3, runtime compilation", strict.Engine, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_without_an_engine_is_shown()
    {
        using var run = new Run(this);
        var graph = new OperationGraph("lonely");
        GraphTensor x = graph.Tensor("x", cudnnDataType_t.CUDNN_DATA_FLOAT, 1, 1, 1, 8);
        graph.Relu(x, graph.Tensor("y", cudnnDataType_t.CUDNN_DATA_FLOAT, 1, 1, 1, 8));
        string message = Assert.Throws<CudaException>(() => run.Planner().Plan(graph)).Message;
        Assert.Contains("no engine for lonely:\n  x: fp32 1 x 8 x 1 x 1", message, StringComparison.Ordinal);
        Assert.Contains("None was proposed", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_is_kept_and_loaded_and_built_anew_where_it_is_damaged()
    {
        string folder = Directory.CreateTempSubdirectory("cudnn-plans").FullName;
        try
        {
            using var run = new Run(this);
            var cache = new KernelCache(folder);
            foreach (bool expected in (bool[])[false, true])
            {
                using GraphPlan plan = run.Planner(cache: cache).Plan(Doubling());
                Assert.Equal((expected, 0L), (plan.IsCached, plan.WorkspaceBytes));
                Assert.StartsWith("engine 2, tensor core", plan.Engine, StringComparison.Ordinal);
                Assert.Equal(X.Select(x => 2 * x), run.Execute(plan));
            }
            using (GraphPlan strict = run.Planner(strict: true, cache: cache).Plan(Doubling()))
            {
                Assert.False(strict.IsCached);
            }
            foreach (string file in Directory.GetFiles(folder))
            {
                File.WriteAllBytes(file, [.. File.ReadAllBytes(file)[..^1], 0]);
            }
            using (GraphPlan again = run.Planner(cache: cache).Plan(Doubling()))
            {
                Assert.False(again.IsCached);
            }

            // What can be read and is no plan, as of another version, is built anew too.
            Emulator.CuDnn.FailCall("cudnnBackendFinalize", (int)cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
            using GraphPlan other = run.Planner(cache: cache).Plan(Doubling());
            Assert.False(other.IsCached);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Work_is_done_in_the_order_of_the_stream_and_no_sooner()
    {
        using var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        run.X.CopyFrom<float>(X, run.Stream);
        run.Queue(plan);
        run.X.Fill(0, run.Stream); // after the plan: it does not see this
        Assert.Equal(X.Select(x => 2 * x), run.Result());
    }

    [Fact]
    public void A_captured_plan_runs_at_each_launch_of_the_graph()
    {
        using var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        run.Y.Fill(0, run.Stream);
        run.Stream.BeginCapture();
        run.Queue(plan);
        using CudaGraph graph = run.Stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        run.X.CopyFrom<float>(X, run.Stream);
        Assert.All(run.Result(), value => Assert.Equal(0, value));
        exec.Launch(run.Stream);
        Assert.Equal(X.Select(x => 2 * x), run.Result());
        run.X.CopyFrom<float>([.. X.Select(x => -x)], run.Stream);
        exec.Launch(run.Stream);
        Assert.Equal(X.Select(x => -2 * x), run.Result());
    }

    [Fact]
    public void Addresses_are_counted_and_aligned()
    {
        using var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        Assert.Contains("takes 3 addresses, 2", Assert.Throws<ArgumentException>(
            () => plan.Execute(run.Handle, [run.X.Address, run.Y.Address], 0)).Message, StringComparison.Ordinal);
        Assert.Contains("of x: fp32 2 x 8 x 3 x 3 is not aligned", Assert.Throws<ArgumentException>(
            () => plan.Execute(run.Handle, [run.X.Address + 4, run.W.Address, run.Y.Address], 0)).Message, StringComparison.Ordinal);
        Assert.Contains("0x0 of w", Assert.Throws<ArgumentException>(
            () => plan.Execute(run.Handle, [run.X.Address, 0, run.Y.Address], 0)).Message, StringComparison.Ordinal);
        using GraphPlan filter = run.Planner().Plan(Gradient());
        Assert.True(filter.WorkspaceBytes > 0);
        Assert.Contains("needs a workspace", Assert.Throws<ArgumentException>(
            () => filter.Execute(run.Handle, [run.Y.Address, run.X.Address, run.W.Address], 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_result_over_an_input_is_found()
    {
        using var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        run.X.CopyFrom<float>(X, run.Stream);
        Assert.Throws<CudaException>(() => plan.Execute(run.Handle, [run.X.Address, run.W.Address, run.X.Address], 0));
        Assert.Contains("overlap, and one of them is written", TakeFinding("overlapping tensors").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_was_never_written_is_found()
    {
        using var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        run.Queue(plan);
        run.Stream.Synchronize();
        Assert.Contains("tensor 1 (CUDNN_DATA_FLOAT 2 x 8 x 3 x 3)", TakeFinding("uninitialised read").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_that_is_too_small_is_found()
    {
        var run = new Run(this);
        using GraphPlan plan = run.Planner().Plan(Doubling());
        run.X.CopyFrom<float>(X, run.Stream);
        using var small = new DeviceMemory(Context, (Count * 4) - 4);
        plan.Execute(run.Handle, [run.X.Address, run.W.Address, small.Address], 0);
        CudaException exception = Assert.Throws<CudaException>(run.Stream.Synchronize);
        Assert.True(exception.IsSticky);
        Assert.Contains(Emulator.Findings, finding => finding.Message.Contains("4 bytes past its end", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cudnnBackendCreateDescriptor")]
    [InlineData("cudnnBackendSetAttribute")]
    [InlineData("cudnnBackendGetAttribute")]
    [InlineData("cudnnBackendFinalize")]
    [InlineData("cudnnBackendExecute")]
    public void A_failure_anywhere_is_told_and_leaves_nothing(string call)
    {
        using var run = new Run(this);
        run.X.CopyFrom<float>(X, run.Stream);
        int before = Emulator.CuDnn.LiveDescriptors, failures = 0;
        Emulator.CuDnn.Calls.TryGetValue(call, out int began);
        using (GraphPlan plan = run.Planner().Plan(Doubling()))
        {
            run.Execute(plan);
        }
        int uses = Emulator.CuDnn.Calls[call] - began;
        for (int use = 1; use <= uses; use++)
        {
            Emulator.CuDnn.FailCall(call, (int)cudnnStatus_t.CUDNN_STATUS_INTERNAL_ERROR, use);
            try
            {
                using GraphPlan plan = run.Planner().Plan(Doubling());
                run.Execute(plan);
            }
            catch (CudaException exception)
            {
                failures++;
                Assert.Contains("was made to fail", exception.Message, StringComparison.Ordinal);
            }
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Assert.Equal(before, Emulator.CuDnn.LiveDescriptors);
        }
        Assert.True(failures > 0 && failures >= uses - 2, $"{failures} of {uses} failures were told"); // another engine may do
    }

    [Fact]
    public void A_handle_that_is_left_is_found_at_the_end()
    {
        var run = new Run(this);
        run.Handle.SetHandleAsInvalid();
        run.Dispose();
        Release();
        Assert.Contains("cudnn", TakeFinding("leak").Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_handle_that_cannot_be_had_is_told()
    {
        Emulator.CuDnn.FailCall("cudnnCreate", (int)cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED);
        CudaException exception = Assert.Throws<CudaException>(() => new Run(this));
        Assert.Equal(("CUDNN_STATUS_NOT_INITIALIZED", "cudnnCreate"), (exception.CodeName, exception.Call));
    }

    private static OperationGraph Doubling()
    {
        var graph = new OperationGraph("doubling");
        GraphTensor x = graph.Tensor("x", cudnnDataType_t.CUDNN_DATA_FLOAT, 2, 3, 3, 8);
        GraphTensor w = graph.Tensor("w", cudnnDataType_t.CUDNN_DATA_FLOAT, 8, 1, 1, 8);
        graph.Convolution(x, w, graph.Tensor("y", cudnnDataType_t.CUDNN_DATA_FLOAT, 2, 3, 3, 8), new GraphWindow(1, 1, 0));
        return graph;
    }

    private static OperationGraph Gradient()
    {
        var graph = new OperationGraph("gradient");
        GraphTensor dy = graph.Tensor("dy", cudnnDataType_t.CUDNN_DATA_FLOAT, 2, 3, 3, 8);
        GraphTensor x = graph.Tensor("x", cudnnDataType_t.CUDNN_DATA_FLOAT, 2, 3, 3, 8);
        graph.ConvolutionBackwardFilter(dy, x, graph.Tensor("dw", cudnnDataType_t.CUDNN_DATA_FLOAT, 8, 1, 1, 8), new GraphWindow(1, 1, 0));
        return graph;
    }

    private sealed class Run : IDisposable
    {
        private readonly CuDnnDevice device;

        public Run(GraphPlanTests test)
        {
            var library = new FeatureTransform.Cuda.CuDnn(test.Emulator.CuDnn);
            Stream = new CudaStream(test.Context);
            Handle = new CuDnnHandle(library, Stream);
            device = CuDnnDevice.OfOrdinal(library, 0);
            (X, Y, W) = (new DeviceMemory(test.Context, Count * 4), new DeviceMemory(test.Context, Count * 4), new DeviceMemory(test.Context, 8 * 8 * 4));
            W.CopyFrom<float>(GraphPlanTests.W, Stream);
        }

        public CudaStream Stream { get; }

        public CuDnnHandle Handle { get; }

        public DeviceMemory X { get; }

        public DeviceMemory Y { get; }

        public DeviceMemory W { get; }

        public GraphPlanner Planner(bool strict = false, KernelCache? cache = null) => new(device, Handle, strict, cache);

        public void Queue(GraphPlan plan) => plan.Execute(Handle, [X.Address, W.Address, Y.Address], 0);

        public float[] Result()
        {
            float[] values = new float[Count];
            Y.CopyTo<float>(values, Stream);
            return values;
        }

        public float[] Execute(GraphPlan plan)
        {
            X.CopyFrom<float>(GraphPlanTests.X, Stream);
            Queue(plan);
            return Result();
        }

        public void Dispose()
        {
            device.Dispose();
            Handle.Dispose();
            foreach (DeviceMemory memory in (DeviceMemory[])[X, Y, W])
            {
                memory.Dispose();
            }
            Stream.Dispose();
        }
    }
}
