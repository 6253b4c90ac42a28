using System.Runtime.CompilerServices;
using FeatureTransform.Cuda.Tests.Fake;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>Each owned handle is destroyed once, after its last use, before its context; a borrowed one never.</summary>
public sealed class LifetimeTests
{
    private static readonly byte[] Image = [1, 2, 3];

    private readonly FakeDriver fake = new();
    private readonly CudaDriver driver;

    public LifetimeTests() => driver = new CudaDriver(fake);

    public static TheoryData<string> Kinds => [.. Makers.Keys];

    private static Dictionary<string, Func<CudaContext, CudaObject>> Makers => new()
    {
        ["stream"] = context => new CudaStream(context),
        ["event"] = context => new CudaEvent(context),
        ["memory"] = context => new DeviceMemory(context, 16),
        ["pinned memory"] = context => new PinnedMemory(context, 16),
        ["module"] = context => new CudaModule(context, Image),
        ["graph"] = Graph,
        ["graph exec"] = context => Graph(context).Instantiate(),
        ["stream-ordered memory"] = context => new DeviceMemory(new CudaStream(context), 16),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Disposal_destroys_once(string kind)
    {
        using var context = new CudaContext(driver.Devices[0]);
        CudaObject made = Makers[kind](context);
        Assert.True(fake.IsLive(made.Handle));
        made.Dispose();
        made.Dispose();
        Assert.Single(fake.Destroyed, kind);
        Assert.Throws<ObjectDisposedException>(() => made.Handle);
        Assert.Empty(fake.Errors);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_context_outlives_its_objects_whatever_is_disposed_first(string kind)
    {
        var context = new CudaContext(driver.Devices[1]);
        CudaObject made = Makers[kind](context);
        context.Dispose();
        Assert.True(fake.IsLive(made.Handle));
        Assert.DoesNotContain("context", fake.Destroyed);
        made.Dispose();
        Collect(); // what the maker made on the way
        Assert.Equal("context", fake.Destroyed[^1]);
        AssertAllGone();
        Assert.Throws<ObjectDisposedException>(() => context.Handle);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Garbage_is_destroyed_before_its_context(string kind)
    {
        for (int i = 0; i < 20; i++)
        {
            Drop();
            Collect();
        }
        Assert.Equal(20, fake.Destroyed.Count(destroyed => destroyed == kind));
        Assert.Equal("context", fake.Destroyed[^1]);
        AssertAllGone();

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Drop() => Makers[kind](new CudaContext(driver.Devices[0]));
    }

    [Fact]
    public void A_crowd_of_garbage_is_destroyed_in_order()
    {
        var random = new Random(5);
        Func<CudaContext, CudaObject>[] makers = [.. Makers.Values];
        for (int i = 0; i < 30; i++)
        {
            Drop();
            if (i % 3 == 0)
            {
                Collect();
            }
        }
        Collect();
        AssertAllGone();

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Drop()
        {
            var context = new CudaContext(driver.Devices[random.Next(2)]);
            CudaObject[] made = [.. Enumerable.Range(0, 40).Select(_ => makers[random.Next(makers.Length)](context))];
            foreach (CudaObject some in made.Where(_ => random.Next(3) == 0))
            {
                some.Dispose();
            }
            if (random.Next(2) == 0)
            {
                context.Dispose();
            }
        }
    }

    /// <summary>The garbage collector runs within each call; what the call uses must live until it returns.</summary>
    [Theory]
    [InlineData("cuLaunchKernel")]
    [InlineData("cuGraphLaunch")]
    [InlineData("cuGraphInstantiateWithFlags")]
    [InlineData("cuGraphGetNodes")]
    [InlineData("cuEventRecord")]
    [InlineData("cuEventQuery")]
    [InlineData("cuEventSynchronize")]
    [InlineData("cuEventElapsedTime")]
    [InlineData("cuStreamSynchronize")]
    [InlineData("cuStreamQuery")]
    [InlineData("cuStreamWaitEvent")]
    [InlineData("cuStreamBeginCapture_v2")]
    [InlineData("cuStreamEndCapture")]
    [InlineData("cuStreamIsCapturing")]
    [InlineData("cuMemcpyHtoDAsync_v2")]
    [InlineData("cuMemcpyDtoHAsync_v2")]
    [InlineData("cuMemcpyDtoDAsync_v2")]
    [InlineData("cuMemsetD8Async")]
    [InlineData("cuMemAllocAsync")]
    [InlineData("cuMemFreeAsync")]
    [InlineData("cuModuleGetFunction")]
    [InlineData("cuFuncGetAttribute")]
    [InlineData("cuFuncSetAttribute")]
    [InlineData("cuOccupancyMaxActiveBlocksPerMultiprocessor")]
    [InlineData("cuCtxSynchronize")]
    [InlineData("cuMemGetInfo_v2")]
    [InlineData("cuCtxPushCurrent_v2")]
    public void What_a_call_uses_lives_until_it_returns(string function)
    {
        fake.Collecting.Add(function);
        UseEverythingOnce(driver.Devices[0]);
        Assert.True(fake.CallsOf(function) > 0, $"{function} was not called");
        fake.Collecting.Clear();
        Collect();
        AssertAllGone();
    }

    /// <summary>Every object is garbage as soon as its last call was made.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void UseEverythingOnce(CudaDevice device)
    {
        CudaContext Context() => new(device);
        CudaStream Stream() => new(Context());
        DeviceMemory Memory() => new(Context(), 64);
        CudaKernel Kernel() => new CudaModule(Context(), Image).GetKernel("k");

        Kernel().Launch(Stream(), new Dim3(1), new Dim3(32), 0, Guid.Empty);
        Kernel().SetDynamicShared(100);
        Kernel().GetBlocksPerMultiprocessor(256, 0);
        Graph(Context()).Instantiate().Launch(Stream());
        Assert.Equal(3, Graph(Context()).NodeCount);
        new CudaEvent(Context()).Record(Stream());
        new CudaEvent(Context()).Synchronize();
        Assert.True(new CudaEvent(Context()).IsComplete);
        new CudaEvent(Context()).MillisecondsSince(new CudaEvent(Context()));
        Stream().Synchronize();
        Stream().WaitFor(new CudaEvent(Context()));
        Assert.True(Stream().IsIdle);
        Assert.True(Stream().IsCapturing);
        Memory().CopyFrom<int>(new int[4], Stream());
        Memory().CopyTo<int>(new int[4], Stream());
        Memory().CopyFrom(new PinnedMemory(Context(), 64), Stream());
        Memory().CopyTo(new PinnedMemory(Context(), 64), Stream());
        Memory().CopyFrom(Memory(), Stream());
        Memory().Slice(8, 8).CopyFrom(Memory().Slice(16, 8), Stream());
        Memory().Slice(8, 8).Fill(1, Stream());
        new DeviceMemory(Stream(), 64).Fill(1, Stream());
        new DeviceMemory(Stream(), 64).Dispose();
        Context().Synchronize();
        Assert.Equal(123, Context().GetFreeMemory());
        using (Context().MakeCurrent())
        {
            Context().Synchronize();
        }
    }

    [Fact]
    public void A_borrowed_handle_is_used_and_never_destroyed()
    {
        nint context = fake.MakeForeign("foreign context", 0);
        nint stream = fake.MakeForeign("foreign stream", context);
        nint e = fake.MakeForeign("foreign event", context);
        nint memory = fake.MakeForeign("foreign memory", context);
        Use();
        Collect();
        Assert.All([context, stream, e, memory], handle => Assert.True(fake.IsLive(handle)));
        Assert.Equal(["stream-ordered memory"], fake.Destroyed);
        Assert.Equal(0, fake.CallsOf("cuDevicePrimaryCtxRelease_v2"));
        Assert.Empty(fake.Errors);
        Assert.Empty(FakeDriver.Current);

        [MethodImpl(MethodImplOptions.NoInlining)]
        void Use()
        {
            var borrowed = new CudaContext(driver, context);
            Assert.Same(driver.Devices[0], borrowed.Device);
            Assert.Equal(context, borrowed.Handle);
            var queue = new CudaStream(borrowed, stream);
            var mark = new CudaEvent(borrowed, e);
            mark.Record(queue);
            queue.WaitFor(mark);
            new DeviceMemory(borrowed, (ulong)memory, 64).Fill(0, queue);
            var own = new DeviceMemory(queue, 64);
            own.Fill(0, queue);
            mark.Dispose();
            queue.Dispose();
            borrowed.Dispose();
        }
    }

    [Fact]
    public void A_creation_that_fails_leaves_nothing()
    {
        var context = new CudaContext(driver.Devices[0]);
        string[] making = ["cuStreamCreate", "cuEventCreate", "cuMemAlloc_v2", "cuMemHostAlloc", "cuModuleLoadDataEx"];
        foreach (string function in making)
        {
            fake.Failing.Add(function, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
        }
        Assert.Throws<CudaException>(() => new CudaStream(context));
        Assert.Throws<CudaException>(() => new CudaEvent(context));
        CudaException exception = Assert.Throws<CudaException>(() => new DeviceMemory(context, 16));
        Assert.EndsWith(" 16 bytes.", exception.Message, StringComparison.Ordinal);
        Assert.Throws<CudaException>(() => new PinnedMemory(context, 16));
        Assert.Throws<CudaException>(() => new CudaModule(context, Image));
        Collect();
        Assert.Empty(fake.Destroyed);
        context.Dispose();
        AssertAllGone();

        fake.Failing["cuDevicePrimaryCtxRetain"] = CUresult.CUDA_ERROR_OUT_OF_MEMORY;
        int released = fake.CallsOf("cuDevicePrimaryCtxRelease_v2");
        Assert.Throws<CudaException>(() => new CudaContext(driver.Devices[1]));
        Collect();
        Assert.Equal(released, fake.CallsOf("cuDevicePrimaryCtxRelease_v2"));
    }

    [Fact]
    public void Destruction_never_throws()
    {
        var context = new CudaContext(driver.Devices[0]);
        var stream = new CudaStream(context);
        fake.Failing["cuStreamDestroy_v2"] = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
        fake.Failing["cuDevicePrimaryCtxRelease_v2"] = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
        stream.Dispose();
        context.Dispose();
        Assert.Equal(["stream", "context"], fake.Destroyed);
    }

    private static CudaGraph Graph(CudaContext context)
    {
        var stream = new CudaStream(context);
        stream.BeginCapture();
        return stream.EndCapture();
    }

    private static void Collect()
    {
        for (int i = 0; i < 3; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private void AssertAllGone()
    {
        Assert.Empty(fake.Errors);
        Assert.Equal(0, fake.Live);
        Assert.DoesNotContain("nothing", fake.Destroyed);
        Assert.Empty(FakeDriver.Current);
    }
}
