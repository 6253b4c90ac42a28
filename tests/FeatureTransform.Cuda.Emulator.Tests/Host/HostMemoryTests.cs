using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>When copies read and write the host's memory, and what the host may not do until then.</summary>
public sealed unsafe class HostMemoryTests : HostTest
{
    [Fact]
    public void Pageable_memory_is_read_within_the_call()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 3);
        byte[] back = new byte[3];
        using CudaContextScope scope = Context.MakeCurrent();
        byte* source = stackalloc byte[3] { 1, 2, 3 };
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyHtoDAsync_v2(memory.Address, source, 3, stream.Handle));
        source[1] = 9;
        memory.CopyTo<byte>(back, stream);
        Assert.Equal([1, 2, 3], back);
        AssertNoFindings();
    }

    [Fact]
    public void Pageable_memory_is_written_before_the_call_returns()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 1);
        using CudaContextScope scope = Context.MakeCurrent();
        memory.Fill(5, stream);
        byte target = 0;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyDtoHAsync_v2(&target, memory.Address, 1, stream.Handle));
        Assert.Equal(5, target);
    }

    [Fact]
    public void Pinned_memory_is_read_late_and_a_change_before_that_is_reported()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        using var pinned = new PinnedMemory(Context, 4);
        byte[] back = new byte[4];
        pinned.AsSpan<byte>().Fill(1);
        memory.CopyFrom(pinned, stream);
        pinned.AsSpan<byte>()[2] = 8;
        memory.CopyTo<byte>(back, stream);
        Assert.Equal([1, 1, 8, 1], back);
        Assert.Contains("byte 2 of the 4", TakeFinding(FindingKinds.HostMemoryChanged).Message);

        pinned.AsSpan<byte>().Fill(3);
        memory.CopyFrom(pinned, stream);
        stream.Synchronize();
        pinned.AsSpan<byte>().Fill(4); // after the wait
        AssertNoFindings();
    }

    [Fact]
    public void What_the_device_writes_to_pinned_memory_is_no_change_by_the_host()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 40);
        using var pinned = new PinnedMemory(Context, 40);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        float[] back = new float[10];
        pinned.AsSpan<float>().Fill(1);
        kernel.Launch(
            stream, new Dim3(1), new Dim3(32), 0, new ScaleArgs { Data = (ulong)pinned.Handle, Count = 10, Factor = 3 });
        memory.CopyFrom(pinned, stream); // 3
        memory.Fill(0, stream);
        memory.CopyTo(pinned, stream);
        memory.CopyFrom(pinned, stream); // 0
        memory.CopyTo<float>(back, stream);
        Assert.All(back, value => Assert.Equal(0, value));
        AssertNoFindings();
    }

    [Fact]
    public void Pinned_memory_is_not_freed_before_a_copy_that_uses_it()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        byte[] back = new byte[4];
        using (var pinned = new PinnedMemory(Context, 4))
        {
            pinned.AsSpan<byte>().Fill(1);
            memory.CopyFrom(pinned, stream);
        }
        Assert.Contains("cuMemcpyHtoDAsync_v2", TakeFinding(FindingKinds.HostMemoryFreed).Message);
        memory.CopyTo<byte>(back, stream);
        Assert.All(back, value => Assert.Equal(1, value));
    }

    [Fact]
    public void A_host_function_runs_in_the_order_of_its_stream()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 4);
        using var pinned = new PinnedMemory(Context, 4);
        using CudaContextScope scope = Context.MakeCurrent();
        pinned.AsSpan<int>()[0] = 5;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuLaunchHostFunc(stream.Handle, &Double, (void*)pinned.Handle));
        memory.CopyFrom(pinned, stream);
        Assert.Equal(5, pinned.AsSpan<int>()[0]);
        int[] back = new int[1];
        memory.CopyTo<int>(back, stream);
        Assert.Equal(10, back[0]);
        AssertNoFindings();
    }

    [Fact]
    public void A_host_function_must_not_call_the_driver()
    {
        using var stream = new CudaStream(Context);
        using CudaContextScope scope = Context.MakeCurrent();
        var data = new CallData { Synchronize = Api.cuCtxSynchronize };
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuLaunchHostFunc(stream.Handle, &Call, &data));
        stream.Synchronize();
        Assert.Equal(CUresult.CUDA_ERROR_NOT_PERMITTED, data.Result);
        TakeFinding(FindingKinds.InvalidArgument);
    }

    [Fact]
    public void Another_thread_may_call_the_driver_while_a_host_function_runs()
    {
        using var stream = new CudaStream(Context);
        using var began = new ManualResetEventSlim();
        using var end = new ManualResetEventSlim();
        (ManualResetEventSlim, ManualResetEventSlim) both = (began, end);
        GCHandle handle = GCHandle.Alloc(both);
        using (Context.MakeCurrent())
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuLaunchHostFunc(stream.Handle, &Wait, (void*)GCHandle.ToIntPtr(handle)));
        }
        var first = new Thread(stream.Synchronize);
        first.Start();
        began.Wait(TestContext.Current.CancellationToken);
        Assert.Equal((long)DeviceProfile.A100.MemoryBytes, Context.GetFreeMemory());
        var second = new Thread(stream.Synchronize);
        second.Start();
        end.Set();
        first.Join();
        second.Join();
        handle.Free();
        AssertNoFindings();
    }

    [UnmanagedCallersOnly]
    private static void Double(void* data) => *(int*)data *= 2;

    [UnmanagedCallersOnly]
    private static void Call(void* data) => ((CallData*)data)->Result = ((CallData*)data)->Synchronize();

    [UnmanagedCallersOnly]
    private static void Wait(void* data)
    {
        var (began, end) = ((ManualResetEventSlim, ManualResetEventSlim))GCHandle.FromIntPtr((nint)data).Target!;
        began.Set();
        end.Wait();
    }

    private struct CallData
    {
        public delegate* unmanaged<CUresult> Synchronize;
        public CUresult Result;
    }
}
