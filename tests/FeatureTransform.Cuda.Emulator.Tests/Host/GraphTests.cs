using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Recording streams, and launching what was recorded.</summary>
public sealed unsafe class GraphTests : HostTest
{
    [Fact]
    public void A_graph_does_its_work_at_each_launch_and_not_before()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 12);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        float[] values = [1, 2, 3];
        memory.CopyFrom<float>(values, stream);
        stream.BeginCapture();
        Assert.True(stream.IsCapturing);
        var args = new ScaleArgs { Data = memory.Address, Count = 3, Factor = 2 };
        kernel.Launch(stream, new Dim3(1), new Dim3(32), 0, args);
        args.Factor = 5;
        kernel.Launch(stream, new Dim3(1), new Dim3(32), 0, args);
        using CudaGraph graph = stream.EndCapture();
        Assert.False(stream.IsCapturing);
        Assert.Equal(2, graph.NodeCount);
        using CudaGraphExec exec = graph.Instantiate();
        memory.CopyTo<float>(values, stream);
        Assert.Equal([1, 2, 3], values);
        exec.Launch(stream);
        exec.Launch(stream);
        memory.CopyTo<float>(values, stream);
        Assert.Equal([100, 200, 300], values);
        Assert.Equal(4, Executor.Ran.Count);
        AssertNoFindings();
    }

    [Fact]
    public void Events_bring_other_streams_into_a_capture_and_back()
    {
        using var first = new CudaStream(Context);
        using var second = new CudaStream(Context);
        using var fork = new CudaEvent(Context);
        using var join = new CudaEvent(Context);
        using var memory = new DeviceMemory(Context, 2);
        first.BeginCapture();
        memory.Fill(1, first);
        fork.Record(first);
        second.WaitFor(fork);
        Assert.True(second.IsCapturing);
        memory.Slice(1, 1).Fill(2, second);
        memory.Slice(0, 1).Fill(3, first);
        join.Record(second);
        first.WaitFor(join);
        using CudaGraph graph = first.EndCapture();
        Assert.False(second.IsCapturing);
        Assert.Equal(3, graph.NodeCount);
        using CudaGraphExec exec = graph.Instantiate();
        exec.Launch(second);
        byte[] back = new byte[2];
        memory.CopyTo<byte>(back, second);
        Assert.Equal([3, 2], back);
        AssertNoFindings();
    }

    [Fact]
    public void Work_around_a_launch_keeps_its_order_in_the_stream()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using var copy = new DeviceMemory(Context, 1);
        stream.BeginCapture();
        copy.CopyFrom(memory, stream);
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        byte[] back = new byte[1];
        memory.Fill(1, stream);
        exec.Launch(stream);
        memory.Fill(2, stream);
        copy.CopyTo<byte>(back, stream);
        Assert.Equal(1, back[0]);
    }

    [Fact]
    public void One_launch_begins_after_the_one_before_is_done()
    {
        using var first = new CudaStream(Context);
        using var second = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        using CudaModule module = LoadModule();
        float[] value = [1];
        memory.CopyFrom<float>(value, first);
        first.BeginCapture();
        var args = new ScaleArgs { Data = memory.Address, Count = 1, Factor = 2 };
        module.GetKernel("scale").Launch(first, new Dim3(1), new Dim3(32), 0, args);
        using CudaGraph graph = first.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        exec.Launch(first);
        exec.Launch(second);
        memory.CopyTo<float>(value, second);
        Assert.Equal(4, value[0]);
    }

    [Fact]
    public void A_graph_launched_in_a_capture_becomes_part_of_it()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        stream.BeginCapture();
        memory.Fill(1, stream);
        memory.Fill(2, stream);
        using CudaGraph inner = stream.EndCapture();
        using CudaGraphExec innerExec = inner.Instantiate();
        stream.BeginCapture();
        innerExec.Launch(stream);
        using CudaGraph outer = stream.EndCapture();
        using CudaGraphExec outerExec = outer.Instantiate();
        outerExec.Launch(stream);
        byte[] back = new byte[1];
        memory.CopyTo<byte>(back, stream);
        Assert.Equal(2, back[0]);
    }

    [Fact]
    public void Pinned_memory_is_read_at_each_launch()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using var pinned = new PinnedMemory(Context, 1);
        byte[] back = new byte[1];
        stream.BeginCapture();
        memory.CopyFrom(pinned, stream);
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        for (byte i = 1; i < 4; i++)
        {
            pinned.AsSpan<byte>()[0] = i;
            exec.Launch(stream);
            memory.CopyTo<byte>(back, stream);
            Assert.Equal(i, back[0]);
        }
        AssertNoFindings();
        exec.Launch(stream);
        pinned.AsSpan<byte>()[0] = 9;
        stream.Synchronize();
        TakeFinding(FindingKinds.HostMemoryChanged);
    }

    [Fact]
    public void A_graph_does_not_outlive_its_module()
    {
        using var stream = new CudaStream(Context);
        CudaModule module = LoadModule();
        stream.BeginCapture();
        module.GetKernel("exact").Launch(stream, new Dim3(1), new Dim3(96), 0, 0);
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        exec.Launch(stream);
        module.Dispose(); // waits for the launch
        Assert.Single(Executor.Ran);
        AssertNoFindings();
        AssertCode(CUresult.CUDA_ERROR_INVALID_HANDLE, () => exec.Launch(stream));
        TakeFinding(FindingKinds.UseAfterDestroy);
    }

    [Fact]
    public void Nodes_have_handles()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        stream.BeginCapture();
        memory.Fill(1, stream);
        memory.Fill(2, stream);
        using CudaGraph graph = stream.EndCapture();
        using CudaContextScope scope = Context.MakeCurrent();
        nint* nodes = stackalloc nint[3] { 7, 7, 7 };
        nuint count = 3;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuGraphGetNodes(graph.Handle, nodes, &count));
        Assert.Equal(2u, count);
        Assert.NotEqual(nodes[0], nodes[1]);
        Assert.Equal(0, nodes[2]);
    }
}
