using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Allocation, copies and fills, and what is found about them.</summary>
public sealed unsafe class MemoryTests : HostTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(257)]
    [InlineData(100_003)]
    public void Copies_bring_back_what_they_took(int bytes)
    {
        byte[] content = new byte[bytes];
        new Random(bytes).NextBytes(content);
        byte[] back = new byte[bytes];
        using (var stream = new CudaStream(Context))
        using (var memory = new DeviceMemory(Context, bytes))
        using (var other = new DeviceMemory(stream, bytes))
        {
            memory.CopyFrom<byte>(content, stream);
            other.CopyFrom(memory, stream);
            other.CopyTo<byte>(back, stream);
        }
        Release();
        Assert.Equal(content, back);
        AssertNoFindings();
    }

    [Fact]
    public void Fills_set_every_element()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 37 * 4);
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemsetD32Async(memory.Address, 0xDEADBEEF, 37, stream.Handle));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemsetD8Async(memory.Address + 1, 0x11, 2, stream.Handle));
        uint[] back = new uint[37];
        memory.CopyTo<uint>(back, stream);
        Assert.Equal(0xDE1111EF, back[0]);
        Assert.All(back[1..], value => Assert.Equal(0xDEADBEEF, value));
        AssertNoFindings();

        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemsetD32Async(memory.Address + 2, 0, 1, stream.Handle));
        TakeFinding(FindingKinds.InvalidAddress);
    }

    [Theory]
    [InlineData(0, 9)]
    [InlineData(8, 1)]
    [InlineData(1 << 20, 1)]
    public void A_copy_beyond_an_allocation_is_refused(int offset, int bytes)
    {
        using var memory = new DeviceMemory(Context, 8);
        using CudaContextScope scope = Context.MakeCurrent();
        byte[] host = new byte[bytes];
        fixed (byte* pointer = host)
        {
            Assert.Equal(
                CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(memory.Address + (ulong)offset, pointer, (nuint)bytes));
        }
        TakeFinding(FindingKinds.InvalidAddress);
    }

    [Fact]
    public void Freed_memory_is_neither_used_nor_freed_again()
    {
        ulong address;
        byte value = 1;
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAlloc_v2(&address, 16));
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFree_v2(address + 4));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemFree_v2(address));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemFree_v2(0));
        AssertNoFindings();

        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFree_v2(address));
        TakeFinding(FindingKinds.DoubleFree);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(address, &value, 1));
        TakeFinding(FindingKinds.UseAfterFree);
    }

    [Fact]
    public void Kinds_of_memory_are_not_mixed_up()
    {
        ulong device;
        void* pinned;
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAlloc_v2(&device, 16));
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemHostAlloc(&pinned, 16, 0));
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFreeHost((void*)device));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFree_v2((ulong)pinned));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(device, (void*)device, 16));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(device, (byte*)pinned + 8, 9));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(device, null, 1));
        TakeFinding(FindingKinds.InvalidAddress);
    }

    [Fact]
    public void A_device_that_is_full_says_so()
    {
        Start(new EmulatorOptions { Device = DeviceProfile.A100 with { MemoryBytes = 1000 } });
        using var first = new DeviceMemory(Context, 900);
        Assert.Equal(100, Context.GetFreeMemory());
        AssertCode(CUresult.CUDA_ERROR_OUT_OF_MEMORY, () => new DeviceMemory(Context, 101).Dispose());
        using var rest = new DeviceMemory(Context, 100);
        Assert.Equal(0, Context.GetFreeMemory());
        AssertNoFindings();
    }

    [Fact]
    public void Host_memory_takes_none_of_the_device()
    {
        long free = Context.GetFreeMemory();
        using (var pinned = new PinnedMemory(Context, 1000))
        {
            Assert.Equal(free, Context.GetFreeMemory());
        }
        Assert.Equal(free, Context.GetFreeMemory());
        using var memory = new DeviceMemory(Context, 10);
        Assert.Equal(free - 10, Context.GetFreeMemory());
    }

    [Fact]
    public void Freed_ranges_are_remembered_for_long_but_not_for_ever()
    {
        ulong first = 0, address = 0;
        using CudaContextScope scope = Context.MakeCurrent();
        using var kept = new DeviceMemory(Context, 8);
        for (int i = 0; i < 9000; i++)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAlloc_v2(&address, 8));
            Assert.True(address > first);
            first = i == 0 ? address : first;
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemFree_v2(address));
        }
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFree_v2(address));
        TakeFinding(FindingKinds.DoubleFree);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemFree_v2(first));
        TakeFinding(FindingKinds.InvalidAddress);
        byte value = 3;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyHtoD_v2(kept.Address, &value, 1));
    }

    [Fact]
    public void Bytes_never_written_are_reported_when_they_are_copied_to_the_host()
    {
        using var stream = new CudaStream(Context);
        using var source = new DeviceMemory(Context, 100);
        using var copy = new DeviceMemory(Context, 100);
        source.Slice(0, 60).Fill(1, stream);
        copy.Fill(2, stream);
        copy.CopyFrom(source, stream);
        byte[] back = new byte[60];
        copy.CopyTo<byte>(back, stream);
        Assert.All(back, value => Assert.Equal(1, value));
        AssertNoFindings();

        copy.CopyTo<byte>(new byte[100], stream);
        Assert.Contains("byte 60 of 100", TakeFinding(FindingKinds.HostUninitialized).Message);
    }

    [Fact]
    public void A_copy_onto_itself_is_reported()
    {
        using var stream = new CudaStream(Context);
        using var memory = new DeviceMemory(Context, 100);
        memory.Fill(0, stream);
        memory.Slice(10, 50).CopyFrom(memory.Slice(0, 50), stream);
        TakeFinding(FindingKinds.OverlappingCopy);
    }

    [Fact]
    public void Registered_memory_is_pinned_until_it_is_unregistered()
    {
        void* host = NativeMemory.AllocZeroed(64);
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemHostRegister_v2(host, 64, 0));
        Assert.Equal(CUresult.CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, Api.cuMemHostRegister_v2((byte*)host + 63, 64, 0));
        TakeFinding(FindingKinds.InvalidAddress);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemHostUnregister(host));
        AssertNoFindings();
        Assert.Equal(CUresult.CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, Api.cuMemHostUnregister(host));
        TakeFinding(FindingKinds.DoubleFree);
        NativeMemory.Free(host);
    }

    [Fact]
    public void Managed_memory_is_addressed_by_both_sides()
    {
        ulong address;
        using var stream = new CudaStream(Context);
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAllocManaged(&address, 40, 1));
        var host = new Span<float>((void*)address, 10);
        host.Fill(3);
        using CudaModule module = LoadModule();
        var args = new ScaleArgs { Data = address, Count = 10, Factor = 2 };
        module.GetKernel("scale").Launch(stream, new Dim3(1), new Dim3(32), 0, args);
        Assert.Equal(3, host[9]);
        stream.Synchronize();
        Assert.Equal(6, host[9]);
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemFree_v2(address));
        AssertNoFindings();
    }

    [Fact]
    public void What_is_left_at_the_end_of_a_context_is_reported()
    {
        ulong address;
        nint stream;
        using (Context.MakeCurrent())
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAlloc_v2(&address, 48));
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamCreate(&stream, 0));
        }
        Release();
        Assert.Equal([FindingKinds.Leak, FindingKinds.Leak], Emulator.Findings.Select(f => f.Kind));
        Assert.Contains("1 stream left", Emulator.Findings[0].Message);
        Assert.Contains($"48 bytes at 0x{address:x} of cuMemAlloc_v2", Emulator.Findings[1].Message);
    }

    [Fact]
    public void Memory_of_another_context_is_told_apart()
    {
        Start(new EmulatorOptions { Device = DeviceProfile.A100, DeviceCount = 2 });
        using var other = new CudaContext(Driver.Devices[1]);
        ulong address;
        byte value = 0;
        using (other.MakeCurrent())
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemAlloc_v2(&address, 8));
        }
        using (Context.MakeCurrent())
        {
            Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuMemcpyHtoD_v2(address, &value, 1));
            TakeFinding(FindingKinds.WrongContext);
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemFree_v2(address));
            TakeFinding(FindingKinds.WrongContext);
        }
    }
}
