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

    [Theory]
    [InlineData("allocate", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("free", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("pin", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("wait for the stream", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("ask the stream", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("wait for all", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("wait for another stream", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("copy and wait", CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED)]
    [InlineData("ask a captured event", CUresult.CUDA_ERROR_CAPTURED_EVENT)]
    [InlineData("wait for a captured event", CUresult.CUDA_ERROR_CAPTURED_EVENT)]
    [InlineData("wait for work outside", CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION)]
    [InlineData("merge", CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE)]
    internal void A_forbidden_call_invalidates_the_capture(string what, CUresult expected)
    {
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using var point = new CudaEvent(Context);
        if (what == "wait for work outside")
        {
            point.Record(other);
        }
        if (what == "merge")
        {
            other.BeginCapture();
            point.Record(other);
        }
        stream.BeginCapture();
        memory.Fill(1, stream);
        if (what is "ask a captured event" or "wait for a captured event")
        {
            point.Record(stream);
        }
        AssertCode(expected, what switch
        {
            "allocate" => () => new DeviceMemory(Context, 1).Dispose(),
            "free" => () =>
            {
                using CudaContextScope scope = Context.MakeCurrent();
                Driver.ThrowIfFailed(Api.cuMemFree_v2(memory.Address));
            },
            "pin" => () => new PinnedMemory(Context, 1).Dispose(),
            "wait for the stream" => stream.Synchronize,
            "ask the stream" => () => _ = stream.IsIdle,
            "wait for all" => Context.Synchronize,
            "wait for another stream" => other.Synchronize,
            "copy and wait" => () =>
            {
                using CudaContextScope scope = Context.MakeCurrent();
                byte value = 0;
                Driver.ThrowIfFailed(Api.cuMemcpyHtoD_v2(memory.Address, &value, 1));
            },
            "ask a captured event" => () => _ = point.IsComplete,
            "wait for a captured event" => point.Synchronize,
            _ => () => stream.WaitFor(point),
        });
        TakeFinding(FindingKinds.Capture);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => memory.Fill(2, stream));
        TakeFinding(FindingKinds.Capture);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => stream.EndCapture());
        TakeFinding(FindingKinds.Capture);
        if (what == "merge")
        {
            AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => other.EndCapture());
            Emulator.ClearFindings();
        }

        // The stream is as before.
        memory.Fill(3, stream);
        stream.Synchronize();
        AssertNoFindings();
    }

    [Theory]
    [InlineData(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL, true, true)]
    [InlineData(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, true, false)]
    [InlineData(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED, false, false)]
    internal void The_mode_decides_who_may_allocate(CUstreamCaptureMode mode, bool forbiddenHere, bool forbiddenElsewhere)
    {
        using var stream = new CudaStream(Context);
        using CudaContextScope scope = Context.MakeCurrent();
        foreach (bool here in (bool[])[true, false])
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamBeginCapture_v2(stream.Handle, mode));
            bool refused = false;
            if (here)
            {
                refused = IsRefused();
            }
            else
            {
                var thread = new Thread(() => refused = IsRefused());
                thread.Start();
                thread.Join();
            }
            Assert.Equal(here ? forbiddenHere : forbiddenElsewhere, refused);
            nint graph;
            CUresult end = Api.cuStreamEndCapture(stream.Handle, &graph);
            Assert.Equal(refused ? CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUresult.CUDA_SUCCESS, end);
            Assert.Equal(refused, graph == 0);
        }

        bool IsRefused()
        {
            try
            {
                new DeviceMemory(Context, 1).Dispose();
                return false;
            }
            catch (CudaException)
            {
                return true;
            }
        }
    }

    [Fact]
    public void A_capture_ends_where_and_by_whom_it_began()
    {
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(Context);
        using var fork = new CudaEvent(Context);
        AssertCode(CUresult.CUDA_ERROR_ILLEGAL_STATE, () => stream.EndCapture());
        TakeFinding(FindingKinds.Capture);
        stream.BeginCapture();
        AssertCode(CUresult.CUDA_ERROR_ILLEGAL_STATE, stream.BeginCapture);
        TakeFinding(FindingKinds.Capture);
        Exception? thrown = null;
        var thread = new Thread(() => thrown = Record.Exception(() => stream.EndCapture()));
        thread.Start();
        thread.Join();
        Assert.Equal("CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD", Assert.IsType<CudaException>(thrown).CodeName);
        TakeFinding(FindingKinds.Capture);
        fork.Record(stream);
        other.WaitFor(fork);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, () => other.EndCapture());
        TakeFinding(FindingKinds.Capture);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => stream.EndCapture());
        TakeFinding(FindingKinds.Capture);
    }

    [Fact]
    public void Work_of_another_stream_must_be_joined()
    {
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(Context);
        using var fork = new CudaEvent(Context);
        using var memory = new DeviceMemory(Context, 1);
        stream.BeginCapture();
        fork.Record(stream);
        other.WaitFor(fork);
        memory.Fill(0, other);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED, () => stream.EndCapture());
        TakeFinding(FindingKinds.Capture);
        Assert.False(other.IsCapturing);
        AssertCode(CUresult.CUDA_ERROR_CAPTURED_EVENT, () => other.WaitFor(fork));
        TakeFinding(FindingKinds.Capture);
    }

    [Fact]
    public void The_default_stream_neither_captures_nor_waits_for_a_capture()
    {
        using var normal = new CudaStream(Context, 0);
        using var memory = new DeviceMemory(Context, 1);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, normal.BeginCapture);
        TakeFinding(FindingKinds.Capture);
        using CudaContextScope scope = Context.MakeCurrent();
        nint handle;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamCreate(&handle, 0));
        using var blocking = new CudaStream(Context, handle);
        blocking.BeginCapture();
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, () => _ = normal.IsCapturing);
        AssertNoFindings();
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, () => memory.Fill(0, normal));
        TakeFinding(FindingKinds.Capture);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => blocking.EndCapture());
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamDestroy_v2(handle));
    }

    [Fact]
    public void Memory_nodes_and_pageable_copies_are_reported()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using CudaContextScope scope = Context.MakeCurrent();
        stream.BeginCapture();
        byte value = 4;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyHtoDAsync_v2(memory.Address, &value, 1, stream.Handle));
        TakeFinding(FindingKinds.Capture);
        AssertCode(CUresult.CUDA_ERROR_NOT_SUPPORTED, () => new DeviceMemory(stream, 1).Dispose());
        TakeFinding(FindingKinds.UnsupportedCall);
        AssertCode(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, () => stream.EndCapture());
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
