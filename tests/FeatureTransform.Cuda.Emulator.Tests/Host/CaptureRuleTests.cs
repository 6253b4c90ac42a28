using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>What must not be done while streams capture, and what becomes of the capture.</summary>
public sealed unsafe class CaptureRuleTests : HostTest
{
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
}
