using FeatureTransform.Cuda.Tests.Fake;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>What the objects answer, and what they refuse.</summary>
public sealed class ObjectTests : IDisposable
{
    private readonly FakeDriver fake = new();
    private readonly CudaContext context;
    private readonly CudaStream stream;

    public ObjectTests()
    {
        context = new CudaContext(new CudaDriver(fake).Devices[0]);
        stream = new CudaStream(context);
    }

    public void Dispose()
    {
        stream.Dispose();
        context.Dispose();
        Assert.Empty(fake.Errors);
    }

    [Fact]
    public void Work_that_is_not_ready_is_no_error()
    {
        using var mark = new CudaEvent(context);
        Assert.True(stream.IsIdle && mark.IsComplete);
        fake.Failing["cuStreamQuery"] = fake.Failing["cuEventQuery"] = CUresult.CUDA_ERROR_NOT_READY;
        Assert.False(stream.IsIdle || mark.IsComplete);
        fake.Failing["cuStreamQuery"] = fake.Failing["cuEventQuery"] = CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
        Assert.Equal("cuStreamQuery", Assert.Throws<CudaException>(() => stream.IsIdle).Call);
        Assert.Equal("cuEventQuery", Assert.Throws<CudaException>(() => mark.IsComplete).Call);
    }

    [Fact]
    public void Copies_must_fit()
    {
        using var memory = new DeviceMemory(context, 16);
        memory.CopyFrom<int>(new int[4], stream);
        memory.CopyTo<byte>(new byte[16], stream);
        ArgumentException exception = Assert.Throws<ArgumentException>(() => memory.CopyFrom<int>(new int[5], stream));
        Assert.Contains("20 bytes do not fit into device memory of 16.", exception.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => memory.CopyTo<byte>(new byte[17], stream));
        using var pinned = new PinnedMemory(context, 17);
        Assert.Throws<ArgumentException>(() => memory.CopyFrom(pinned, stream));
        Assert.Throws<ArgumentException>(() => memory.CopyTo(pinned, stream));
        using var larger = new DeviceMemory(stream, 17);
        Assert.Throws<ArgumentException>(() => memory.CopyFrom(larger, stream));
        larger.CopyFrom(memory, stream);
    }

    [Fact]
    public void A_slice_is_a_part()
    {
        using var memory = new DeviceMemory(context, 16);
        DeviceMemory slice = memory.Slice(4, 12);
        Assert.Equal((memory.Address + 4, 12L), (slice.Address, slice.Bytes));
        Assert.Equal(memory.Address + 6, slice.Slice(2, 0).Address);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(4, 13));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(-1, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(long.MaxValue, 4));
        slice.Dispose();
        Assert.True(fake.IsLive((nint)memory.Address));
    }

    [Fact]
    public void A_module_that_does_not_compile_says_why()
    {
        fake.Failing["cuModuleLoadDataEx"] = CUresult.CUDA_ERROR_INVALID_PTX;
        CudaException exception = Assert.Throws<CudaException>(() => new CudaModule(context, ".version 8.4"u8));
        Assert.EndsWith("For sm_86.\nptxas says no", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_tells_its_attributes()
    {
        using var module = new CudaModule(context, [1]);
        CudaKernel kernel = module.GetKernel("ema");

        // The fake answers 100 and the attribute's number.
        Assert.Equal(
            ("ema", 104, 101, 103, 100),
            (kernel.Name, kernel.RegistersPerThread, kernel.StaticSharedBytes, kernel.LocalBytesPerThread,
                kernel.MaxThreadsPerBlock));
        Assert.Equal(8, kernel.GetBlocksPerMultiprocessor(256, 100));
        fake.Failing["cuFuncSetAttribute"] = CUresult.CUDA_ERROR_INVALID_VALUE;
        Assert.EndsWith(
            "Kernel ema on sm_86: 300000 bytes of dynamic shared memory; a block may have 1097.",
            Assert.Throws<CudaException>(() => kernel.SetDynamicShared(300_000)).Message,
            StringComparison.Ordinal);
        fake.Failing["cuModuleGetFunction"] = CUresult.CUDA_ERROR_NOT_FOUND;
        Assert.EndsWith(
            "Kernel sgd.", Assert.Throws<CudaException>(() => module.GetKernel("sgd")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pinned_memory_can_be_seen_as_elements()
    {
        using var pinned = new PinnedMemory(context, 18);
        Assert.Equal(4, pinned.AsSpan<float>().Length);
    }

    [Fact]
    public void Time_is_taken_from_start_to_end()
    {
        using CudaEvent start = new(context, timed: true), end = new(context, timed: true);
        start.Record(stream);
        end.Record(stream);
        Assert.Equal(1.5f, end.MillisecondsSince(start));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Memory_of_no_bytes_is_refused(long bytes)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeviceMemory(context, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DeviceMemory(stream, bytes));
        Assert.Throws<ArgumentOutOfRangeException>(() => new PinnedMemory(context, bytes));
    }
}
