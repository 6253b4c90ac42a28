using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>When the work of streams is done, and after what.</summary>
public sealed unsafe class StreamTests : HostTest
{
    [Fact]
    public void Work_waits_until_it_is_waited_for()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        using var pinned = new PinnedMemory(Context, 4);
        memory.Fill(7, stream);
        memory.CopyTo(pinned, stream);
        Assert.Equal(-1, pinned.AsSpan<int>()[0]); // the poison of fresh memory
        stream.Synchronize();
        Assert.Equal(0x07070707, pinned.AsSpan<int>()[0]);
        AssertNoFindings();
    }

    [Fact]
    public void At_once_nothing_waits()
    {
        Start(new EmulatorOptions { Streams = StreamTime.AtOnce });
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        using var pinned = new PinnedMemory(Context, 4);
        memory.Fill(7, stream);
        memory.CopyTo(pinned, stream);
        Assert.Equal(0x07070707, pinned.AsSpan<int>()[0]);
        Assert.True(stream.IsIdle);
    }

    [Fact]
    public void Another_stream_that_does_not_wait_sees_stale_data()
    {
        using var first = new CudaStream(Context);
        using var second = new CudaStream(Context);
        using var done = new CudaEvent(Context);
        using var memory = new DeviceMemory(Context, 1);
        byte[] back = new byte[1];
        memory.CopyFrom<byte>([1], first);

        memory.Fill(2, first);
        memory.CopyTo<byte>(back, second);
        Assert.Equal(1, back[0]);

        done.Record(first);
        second.WaitFor(done);
        memory.CopyTo<byte>(back, second);
        Assert.Equal(2, back[0]);
        AssertNoFindings();
    }

    [Fact]
    public void An_event_stands_for_the_point_where_it_was_last_recorded()
    {
        using var first = new CudaStream(Context);
        using var second = new CudaStream(Context);
        using var point = new CudaEvent(Context);
        using var memory = new DeviceMemory(Context, 1);
        byte[] back = new byte[1];
        memory.Fill(1, first);
        point.Record(first);
        memory.Fill(2, first);
        second.WaitFor(point);
        point.Record(first); // later than the wait
        memory.CopyTo<byte>(back, second);
        Assert.Equal(1, back[0]);
        point.Synchronize();
        memory.CopyTo<byte>(back, second);
        Assert.Equal(2, back[0]);
    }

    [Fact]
    public void Asking_again_and_again_lets_the_work_end()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using var point = new CudaEvent(Context);
        Assert.True(stream.IsIdle);
        Assert.True(point.IsComplete); // never recorded
        memory.Fill(1, stream);
        memory.Fill(2, stream);
        point.Record(stream);
        int asked = 0;
        while (!point.IsComplete)
        {
            Assert.True(++asked < 10);
        }
        Assert.Equal(3, asked);
        memory.Fill(3, stream);
        Assert.False(stream.IsIdle);
        Assert.True(stream.IsIdle);
    }

    [Theory]
    [InlineData(0u, 2)] // a blocking stream waits for the default stream
    [InlineData(1u, 1)]
    public void Blocking_streams_wait_for_the_default_stream(uint flags, byte expected)
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint created;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamCreate(&created, flags));
        using var stream = new CudaStream(Context, created);
        using var normal = new CudaStream(Context, 0);
        using var memory = new DeviceMemory(Context, 1);
        memory.CopyFrom<byte>([1], normal);
        memory.Fill(2, normal);
        byte[] back = new byte[1];
        memory.CopyTo<byte>(back, stream);
        Assert.Equal(expected, back[0]);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamDestroy_v2(created));
    }

    [Theory]
    [InlineData(0u, 2)]
    [InlineData(1u, 1)]
    public void The_default_stream_waits_for_blocking_streams(uint flags, byte expected)
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint created;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamCreate(&created, flags));
        using var stream = new CudaStream(Context, created);
        using var normal = new CudaStream(Context, 0);
        using var memory = new DeviceMemory(Context, 1);
        memory.CopyFrom<byte>([1], stream);
        memory.Fill(2, stream);
        byte[] back = new byte[1];
        fixed (byte* target = back)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyDtoH_v2(target, memory.Address, 1));
        }
        Assert.Equal(expected, back[0]);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamDestroy_v2(created)); // with work that waits
        Context.Synchronize();
        memory.CopyTo<byte>(back, normal);
        Assert.Equal(2, back[0]);
    }

    [Fact]
    public void A_stream_holds_only_so_much_work()
    {
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("exact");
        for (int i = 0; i < 3000; i++)
        {
            kernel.Launch(stream, new Dim3(1), new Dim3(96), 0, default(ScaleArgs));
        }
        Assert.InRange(Executor.Ran.Count, 1000, 2999);
        stream.Synchronize();
        Assert.Equal(3000, Executor.Ran.Count);
    }

    [Fact]
    public void Freeing_memory_waits_for_the_device()
    {
        using var stream = new CudaStream(Context);
        using var other = new DeviceMemory(Context, 1);
        byte[] back = new byte[1];
        using (var memory = new DeviceMemory(Context, 1))
        {
            memory.Fill(6, stream);
            other.CopyFrom(memory, stream);
        }
        other.CopyTo<byte>(back, stream);
        Assert.Equal(6, back[0]);
        AssertNoFindings();
    }

    [Fact]
    public void Pooled_memory_exists_between_its_places_in_the_stream()
    {
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(Context);
        using (var memory = new DeviceMemory(stream, 1))
        {
            memory.Fill(1, stream);
            stream.Synchronize();
            memory.Fill(2, other); // as good as done when the other stream frees
        }
        stream.Synchronize();
        AssertNoFindings();
        AssertCode(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, other.Synchronize);
        Assert.Equal([FindingKinds.UseAfterFree, FindingKinds.KernelFault], Emulator.Findings.Select(f => f.Kind));
    }

    [Fact]
    public void Pooled_memory_is_not_used_before_its_stream_has_it()
    {
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(Context);
        using var memory = new DeviceMemory(stream, 1);
        memory.Fill(1, other);
        AssertCode(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, other.Synchronize);
        Assert.Contains("does not exist yet", Emulator.Findings[0].Message);
    }

    [Fact]
    public void Times_are_taken_of_timed_events_alone()
    {
        using var stream = new CudaStream(Context);
        using var start = new CudaEvent(Context, timed: true);
        using var end = new CudaEvent(Context, timed: true);
        using var untimed = new CudaEvent(Context);
        AssertCode(CUresult.CUDA_ERROR_INVALID_HANDLE, () => end.MillisecondsSince(start));
        TakeFinding(FindingKinds.InvalidHandle);
        start.Record(stream);
        end.Record(stream);
        untimed.Record(stream);
        AssertCode(CUresult.CUDA_ERROR_NOT_READY, () => end.MillisecondsSince(start));
        stream.Synchronize();
        Assert.True(end.MillisecondsSince(start) >= 0);
        AssertNoFindings();
        AssertCode(CUresult.CUDA_ERROR_INVALID_HANDLE, () => untimed.MillisecondsSince(start));
        TakeFinding(FindingKinds.InvalidHandle);
    }

    [Fact]
    public void Streams_and_events_of_different_contexts_are_mixed_as_documented()
    {
        Start(new EmulatorOptions { Device = DeviceProfile.A100, DeviceCount = 2 });
        using var second = new CudaContext(Driver.Devices[1]);
        using var stream = new CudaStream(Context);
        using var other = new CudaStream(second);
        using var point = new CudaEvent(Context);
        AssertCode(CUresult.CUDA_ERROR_INVALID_HANDLE, () => point.Record(other));
        TakeFinding(FindingKinds.WrongContext);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("exact");
        AssertCode(CUresult.CUDA_ERROR_INVALID_HANDLE, () => kernel.Launch(other, new Dim3(1), new Dim3(96), 0, 0));
        TakeFinding(FindingKinds.WrongContext);
        kernel.Launch(stream, new Dim3(1), new Dim3(96), 0, 0);
        point.Record(stream);
        other.WaitFor(point); // permitted
        other.Synchronize();
        Assert.Single(Executor.Ran);
        AssertNoFindings();
    }
}
