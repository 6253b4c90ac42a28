using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Tests.Fake;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class LaunchTests : IDisposable
{
    private readonly FakeDriver fake = new();
    private readonly CudaContext context;
    private readonly CudaStream stream;
    private readonly CudaModule module;
    private readonly CudaKernel kernel;

    public LaunchTests()
    {
        context = new CudaContext(new CudaDriver(fake).Devices[0]);
        stream = new CudaStream(context);
        module = new CudaModule(context, [0x7f]);
        kernel = module.GetKernel("infonce");
    }

    public void Dispose()
    {
        module.Dispose();
        stream.Dispose();
        context.Dispose();
        Assert.Empty(fake.Errors);
        Assert.Empty(FakeDriver.Current);
    }

    [Fact]
    public void A_launch_passes_everything_on()
    {
        var args = new Args { Pointer = 0x1122334455667788, Count = -1, Scale = 1.5f };
        kernel.Launch(stream, new Dim3(1, 2, 3), new Dim3(4, 5, 6), 789, args);
        FakeLaunch launch = fake.LastLaunch;
        Assert.Equal((new Dim3(1, 2, 3), new Dim3(4, 5, 6), 789u), (launch.Grid, launch.Block, launch.SharedBytes));
        Assert.Equal((module.Handle, stream.Handle), (launch.Function, launch.Stream));
        Assert.Equal(args, MemoryMarshal.Read<Args>(launch.Arguments));
    }

    [Fact]
    public void A_launch_into_the_default_stream_passes_0()
    {
        using var standard = new CudaStream(context, 0);
        kernel.Launch(standard, new Dim3(1), new Dim3(1), 0, default(Args));
        Assert.Equal((new Dim3(1, 1, 1), 0), (fake.LastLaunch.Grid, fake.LastLaunch.Stream));
    }

    [Fact]
    public void A_failed_launch_says_what_was_launched_where()
    {
        fake.Failing["cuLaunchKernel"] = CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
        CudaException exception = Assert.Throws<CudaException>(
            () => kernel.Launch(stream, new Dim3(7), new Dim3(32, 8), 100_000, default(Args)));

        // The fake answers 100 and the attribute's number.
        Assert.Equal(
            "fake driver: cuLaunchKernel answered CUDA_ERROR_OF_FAKE (701): text of the fake. "
            + "Kernel infonce on sm_86: grid (7, 1, 1), block (32, 8, 1), 100000 bytes of dynamic and 101 of static shared "
            + "memory, 16 bytes of arguments, 104 registers and 103 local bytes a thread, at most 100 threads a block.",
            exception.Message);
    }

    [Fact]
    public void Repeated_work_allocates_nothing()
    {
        using CudaStream other = new(context);
        using CudaEvent mark = new(context);
        using DeviceMemory memory = new(context, 1024);
        using DeviceMemory half = memory.Slice(512, 512);
        using PinnedMemory pinned = new(context, 1024);
        stream.BeginCapture();
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        float[] host = new float[16];
        Work();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Work();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1001, fake.CallsOf("cuLaunchKernel"));

        void Work()
        {
            kernel.Launch(stream, new Dim3(128), new Dim3(256), 4096, new Args { Count = 3 });
            exec.Launch(stream);
            mark.Record(stream);
            other.WaitFor(mark);
            memory.CopyFrom(pinned, stream);
            memory.CopyFrom<float>(host, stream);
            memory.CopyFrom(half, stream);
            memory.CopyTo(pinned, stream);
            memory.CopyTo<float>(host, stream);
            memory.Fill(0, stream);
            stream.Synchronize();
            _ = stream.IsIdle && mark.IsComplete;
        }
    }

    /// <summary>Where the caller made the context current, nothing is pushed; elsewhere it is, and popped again.</summary>
    [Fact]
    public void A_context_that_is_current_is_not_pushed_again()
    {
        using (context.MakeCurrent())
        {
            int pushed = fake.CallsOf("cuCtxPushCurrent_v2");
            kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(Args));
            Assert.Equal(pushed, fake.CallsOf("cuCtxPushCurrent_v2"));
            Assert.Equal([context.Handle], FakeDriver.Current);
        }
        Assert.Empty(FakeDriver.Current);
        kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(Args));
        Assert.Empty(FakeDriver.Current);
    }

    [Fact]
    public void A_context_of_another_library_stays_current()
    {
        nint foreign = fake.MakeForeign("foreign context", 0);
        FakeDriver.Current.Push(foreign);
        kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(Args));
        fake.Failing["cuLaunchKernel"] = CUresult.CUDA_ERROR_INVALID_VALUE;
        Assert.Throws<CudaException>(() => kernel.Launch(stream, new Dim3(0), new Dim3(1), 0, default(Args)));
        Assert.Equal([foreign], FakeDriver.Current);
        FakeDriver.Current.Pop();
    }

    [Fact]
    public async Task Two_threads_use_two_contexts()
    {
        CudaDriver driver = context.Device.Driver;
        await Task.WhenAll(driver.Devices.Select(device => Task.Factory.StartNew(
            () => Run(device), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.Equal(2 * 500, fake.CallsOf("cuLaunchKernel"));

        static void Run(CudaDevice device)
        {
            using var own = new CudaContext(device);
            using var module = new CudaModule(own, [1]);
            CudaKernel kernel = module.GetKernel("k");
            using var stream = new CudaStream(own);
            for (int i = 0; i < 500; i++)
            {
                using var memory = new DeviceMemory(own, 64);
                memory.Fill(1, stream);
                kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, (memory.Address, 0L));
                stream.Synchronize();
            }
            Assert.Empty(FakeDriver.Current);
        }
    }

    /// <summary>One thread, and one after the other: each call goes to its object's own context.</summary>
    [Fact]
    public void One_thread_uses_two_contexts()
    {
        using var second = new CudaContext(context.Device.Driver.Devices[1]);
        using var memory = new DeviceMemory(second, 64);
        using var queue = new CudaStream(second);
        using (context.MakeCurrent())
        {
            memory.Fill(1, queue);
            kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(Args));
            Assert.Equal([context.Handle], FakeDriver.Current);
        }
    }

    [Fact]
    public void A_disposed_object_is_refused()
    {
        var gone = new CudaStream(context);
        gone.Dispose();
        Assert.Throws<ObjectDisposedException>(() => kernel.Launch(gone, new Dim3(1), new Dim3(1), 0, default(Args)));
        Assert.Throws<ObjectDisposedException>(gone.Synchronize);
        Assert.Equal(0, fake.CallsOf("cuLaunchKernel"));

        module.Dispose();
        Assert.Throws<ObjectDisposedException>(() => kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(Args)));
    }

    private struct Args
    {
        public ulong Pointer;
        public int Count;
        public float Scale;
    }
}
