using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>What launches are refused, and what the others hand on.</summary>
public sealed unsafe class LaunchTests : HostTest
{
    [Theory]
    [InlineData("scale", 0, 1, 1, 32, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 0, 32, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", int.MaxValue, 65535, 65535, 1, 1, 1, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("scale", -1, 1, 1, 32, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 65536, 1, 32, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 65536, 32, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 1, 0, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 1, 1024, 1, 1, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("scale", 1, 1, 1, 1025, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 1, 1, 1, 64, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("scale", 1, 1, 1, 1, 1, 65, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 1, 32, 33, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("scale", 1, 1, 1, 32, 1, 1, 48 * 1024, CUresult.CUDA_SUCCESS)]
    [InlineData("scale", 1, 1, 1, 32, 1, 1, (48 * 1024) + 1, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("bounded", 1, 1, 1, 64, 2, 1, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("bounded", 1, 1, 1, 128, 1, 1, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("bounded", 1, 1, 1, 129, 1, 1, 0, CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES)]
    [InlineData("exact", 1, 1, 1, 96, 1, 1, 0, CUresult.CUDA_SUCCESS)]
    [InlineData("exact", 1, 1, 1, 95, 1, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    [InlineData("exact", 1, 1, 1, 48, 2, 1, 0, CUresult.CUDA_ERROR_INVALID_VALUE)]
    internal void Limits_are_kept(
        string kernel, int gridX, int gridY, int gridZ, int blockX, int blockY, int blockZ, int shared, CUresult expected)
    {
        Executor.Bodies.Clear();
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel found = module.GetKernel(kernel);
        var grid = new Dim3((uint)gridX, (uint)gridY, (uint)gridZ);
        var block = new Dim3((uint)blockX, (uint)blockY, (uint)blockZ);
        void Launch() => found.Launch(stream, grid, block, shared, default(ScaleArgs));
        if (expected == CUresult.CUDA_SUCCESS)
        {
            Launch();
            stream.Synchronize();
            KernelLaunch ran = Assert.Single(Executor.Ran);
            Assert.Equal((grid, block, (uint)shared), (ran.Grid, ran.Block, ran.DynamicSharedBytes));
            AssertNoFindings();
        }
        else
        {
            AssertCode(expected, Launch);
            TakeFinding(FindingKinds.LaunchRefused);
            stream.Synchronize();
            Assert.Empty(Executor.Ran);
        }
    }

    [Fact]
    public void More_shared_memory_is_to_be_asked_for()
    {
        Executor.StaticSharedBytes = 1000;
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("exact");
        Assert.Equal(1000, kernel.StaticSharedBytes);
        int most = (163 * 1024) - 1000;
        AssertCode(CUresult.CUDA_ERROR_INVALID_VALUE, () => kernel.SetDynamicShared(most + 1));
        TakeFinding(FindingKinds.InvalidArgument);
        kernel.SetDynamicShared(most);
        kernel.Launch(stream, new Dim3(1), new Dim3(96), most, 0);
        AssertNoFindings();
    }

    [Theory]
    [InlineData(0, 96, 0, 21)] // 2048 / 96
    [InlineData(0, 96, 40 * 1024, 4)] // 164 KB / (40 KB + 1 KB)
    [InlineData(128, 96, 0, 5)] // 65536 / (128 * 32) / 3 warps
    [InlineData(0, 1056, 0, 0)]
    public void Blocks_of_a_multiprocessor_follow_from_its_limits(int registers, int threads, int shared, int expected)
    {
        Executor.Registers = registers;
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        Assert.Equal(expected, kernel.GetBlocksPerMultiprocessor(threads, shared));
    }

    [Fact]
    public void Registers_limit_the_threads_of_a_block()
    {
        Executor.Registers = 255;
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        Assert.Equal(256, kernel.MaxThreadsPerBlock);
        AssertCode(
            CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
            () => kernel.Launch(stream, new Dim3(1), new Dim3(257), 0, default(ScaleArgs)));
        Assert.Contains("255 registers", TakeFinding(FindingKinds.LaunchRefused).Message);
    }

    [Fact]
    public void Parameters_arrive_as_they_were_at_the_call()
    {
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        using var memory = new DeviceMemory(Context, 12);
        float[] values = [1, 2, 3];
        memory.CopyFrom<float>(values, stream);
        var args = new ScaleArgs { Data = memory.Address, Count = 3, Factor = 2 };
        kernel.Launch(stream, new Dim3(1), new Dim3(32), 0, args);
        args.Factor = 100;
        memory.CopyTo<float>(values, stream);
        Assert.Equal([2, 4, 6], values);
    }

    [Theory]
    [InlineData(24, true)]
    [InlineData(23, false)]
    [InlineData(17, false)]
    public void A_buffer_of_parameters_must_have_their_size(int bytes, bool isRight)
    {
        using CudaModule module = LoadModule();
        using CudaContextScope scope = Context.MakeCurrent();
        nint function = Find(module, "several"u8);
        byte* buffer = stackalloc byte[24];
        *(double*)(buffer + 16) = 1.5;
        buffer[8] = 7;
        nuint size = (nuint)bytes;
        void** extra = stackalloc void*[] { (void*)1, buffer, (void*)2, &size, null };
        CUresult result = Api.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, null, extra);
        if (isRight)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, result);
            Context.Synchronize();
            byte[] parameters = Assert.Single(Executor.Ran).Parameters;
            Assert.Equal(1.5, BitConverter.ToDouble(parameters, 16));
            Assert.Equal(7, parameters[8]);
        }
        else
        {
            Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, result);
            Assert.Contains("8 at 0, 1 at 8, 8 at 16", TakeFinding(FindingKinds.ParameterMismatch).Message);
        }
    }

    [Fact]
    public void A_struct_of_another_size_than_the_parameter_is_refused_before_the_launch()
    {
        using var stream = new CudaStream(Context);
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, default(ScaleArgs));
        foreach (Action launch in (Action[])
        [
            () => kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, 7UL),
            () => kernel.Launch(stream, new Dim3(1), new Dim3(1), 0, (default(ScaleArgs), 7)),
        ])
        {
            Assert.Contains("one parameter of 16 bytes", Assert.Throws<ArgumentException>(launch).Message, StringComparison.Ordinal);
        }
        Assert.Equal(1, Emulator.Calls["cuLaunchKernel"]);
        AssertNoFindings();
    }

    [Fact]
    public void Missing_parameters_are_refused_and_their_sizes_can_be_asked()
    {
        using CudaModule module = LoadModule();
        using CudaContextScope scope = Context.MakeCurrent();
        nint function = Find(module, "several"u8);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, null, null));
        TakeFinding(FindingKinds.ParameterMismatch);
        ulong first = 0;
        void** pointers = stackalloc void*[] { &first, null, null };
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, pointers, null));
        TakeFinding(FindingKinds.ParameterMismatch);

        nuint offset, size;
        Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuFuncGetParamInfo(function, 2, &offset, &size));
        Assert.Equal((16u, 8u), (offset, size));
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_VALUE, Api.cuFuncGetParamInfo(function, 3, &offset, &size));
        AssertNoFindings();
    }

    [Theory]
    [InlineData(8, 2, 1, CUresult.CUDA_SUCCESS)]
    [InlineData(8, 8, 1, CUresult.CUDA_SUCCESS)]
    [InlineData(9, 2, 1, CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE)]
    [InlineData(16, 16, 1, CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE)]
    [InlineData(8, 0, 1, CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE)]
    [InlineData(8, 2, 3, CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE)]
    internal void Clusters_divide_the_grid(int grid, int x, int y, CUresult expected)
    {
        Start(new EmulatorOptions { Device = DeviceProfile.H100 });
        Assert.Equal(expected, LaunchWithAttribute(4, grid, x, y, 1));
        if (expected != CUresult.CUDA_SUCCESS)
        {
            TakeFinding(FindingKinds.LaunchRefused);
            return;
        }
        Context.Synchronize();
        Assert.Equal(new Dim3((uint)x, (uint)y), Assert.Single(Executor.Ran).Cluster);
    }

    [Fact]
    public void Clusters_need_a_device_that_has_them()
    {
        Assert.Equal(CUresult.CUDA_ERROR_NOT_SUPPORTED, LaunchWithAttribute(4, 8, 2, 1, 1));
        TakeFinding(FindingKinds.LaunchRefused);
    }

    [Theory]
    [InlineData(108 * 21, CUresult.CUDA_SUCCESS)] // 2048 / 96 blocks on each multiprocessor
    [InlineData((108 * 21) + 1, CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE)]
    internal void A_cooperative_grid_fits_at_once(int grid, CUresult expected)
    {
        Assert.Equal(expected, LaunchWithAttribute(2, grid, 1, 0, 0));
        if (expected == CUresult.CUDA_SUCCESS)
        {
            Context.Synchronize();
            Assert.True(Assert.Single(Executor.Ran).IsCooperative);
        }
    }

    [Fact]
    public void Unknown_launch_attributes_are_not_passed_over()
    {
        Assert.Equal(CUresult.CUDA_ERROR_NOT_SUPPORTED, LaunchWithAttribute(13, 1, 1, 0, 0));
        TakeFinding(FindingKinds.UnsupportedCall);
    }

    [Theory]
    [InlineData(KernelFaultKind.IllegalAddress, CUresult.CUDA_ERROR_ILLEGAL_ADDRESS)]
    [InlineData(KernelFaultKind.MisalignedAddress, CUresult.CUDA_ERROR_MISALIGNED_ADDRESS)]
    [InlineData(KernelFaultKind.Assertion, CUresult.CUDA_ERROR_ASSERT)]
    [InlineData(KernelFaultKind.Trap, CUresult.CUDA_ERROR_LAUNCH_FAILED)]
    [InlineData(KernelFaultKind.Deadlock, CUresult.CUDA_ERROR_LAUNCH_TIMEOUT)]
    internal void A_fault_is_told_by_the_next_wait_and_the_context_is_lost(KernelFaultKind kind, CUresult expected)
    {
        Executor.Bodies["exact"] = (_, _) => throw new KernelFault(kind, "of the test");
        using var stream = new CudaStream(Context);
        CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("exact");
        using var memory = new DeviceMemory(Context, 4);
        kernel.Launch(stream, new Dim3(1), new Dim3(96), 0, 0);
        kernel.Launch(stream, new Dim3(1), new Dim3(96), 0, 0); // never comes to run
        CudaException exception = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal(expected.ToString(), exception.CodeName);
        Assert.True(exception.IsSticky);
        Assert.Contains("exact: of the test", TakeFinding(FindingKinds.KernelFault).Message);
        Assert.Single(Executor.Ran);
        AssertCode(expected, () => memory.Fill(0, stream));
        AssertCode(expected, () => new DeviceMemory(Context, 4).Dispose());
        AssertCode(expected, Context.Synchronize);

        // Gone with its last object; a new one works.
        module.Dispose();
        memory.Dispose();
        stream.Dispose();
        Release();
        AssertNoFindings();
        using (var again = new DeviceMemory(Context, 4))
        {
            Context.Synchronize();
        }
    }

    private CUresult LaunchWithAttribute(int attribute, int grid, int x, int y, int z)
    {
        CudaModule module = LoadModule();
        using CudaContextScope scope = Context.MakeCurrent();
        int* attributes = stackalloc int[2 * 18]; // the first is to be ignored
        new Span<int>(attributes, 36).Clear();
        (attributes[18], attributes[20], attributes[21], attributes[22]) = (attribute, x, y, z);
        var config = new CUlaunchConfig
        {
            gridDimX = (uint)grid,
            gridDimY = 1,
            gridDimZ = 1,
            blockDimX = 96,
            blockDimY = 1,
            blockDimZ = 1,
            attrs = attributes,
            numAttrs = 2,
        };
        return Api.cuLaunchKernelEx(&config, Find(module, "exact"u8), null, null);
    }

    private nint Find(CudaModule module, ReadOnlySpan<byte> name)
    {
        nint function;
        fixed (byte* text = name)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuModuleGetFunction(&function, module.Handle, text));
        }
        return function;
    }
}
