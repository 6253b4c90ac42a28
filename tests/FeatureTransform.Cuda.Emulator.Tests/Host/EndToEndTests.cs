using System.Text;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Kernels in PTX, run through the objects that run them on a device.</summary>
public sealed class EndToEndTests
{
    /// <summary>y[i] = factor * x[i] for i below count; x and y are the first two fields of the parameter.</summary>
    private const string Scale = """
        .version 8.0
        .target sm_80
        .address_size 64

        .visible .entry scale(
            .param .align 8 .b8 scale_param_0[24]
        )
        .maxntid 128, 1, 1
        {
            .reg .pred %p<2>;
            .reg .f32 %f<4>;
            .reg .b32 %r<6>;
            .reg .b64 %rd<8>;

            ld.param.u64 %rd1, [scale_param_0];
            ld.param.u64 %rd2, [scale_param_0+8];
            ld.param.u32 %r1, [scale_param_0+16];
            ld.param.f32 %f1, [scale_param_0+20];
            mov.u32 %r2, %ctaid.x;
            mov.u32 %r3, %ntid.x;
            mov.u32 %r4, %tid.x;
            mad.lo.s32 %r5, %r2, %r3, %r4;
            setp.ge.u32 %p1, %r5, %r1;
            @%p1 bra $L__end;
            cvta.to.global.u64 %rd3, %rd1;
            cvta.to.global.u64 %rd4, %rd2;
            mul.wide.u32 %rd5, %r5, 4;
            add.s64 %rd6, %rd3, %rd5;
            add.s64 %rd7, %rd4, %rd5;
            ld.global.f32 %f2, [%rd6];
            mul.f32 %f3, %f2, %f1;
            st.global.f32 [%rd7], %f3;
        $L__end:
            ret;
        }
        """;

    private const string Source = """
        struct Args { const float* x; float* y; unsigned count; float factor; };

        extern "C" __global__ void __launch_bounds__(128) scale(const Args args)
        {
            const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
            if (i < args.count)
            {
                args.y[i] = args.x[i] * args.factor;
            }
        }
        """;

    public static TheoryData<DeviceProfile, StreamTime, int> Modes { get; } = new()
    {
        { DeviceProfile.A100, StreamTime.Late, 1 },
        { DeviceProfile.H100, StreamTime.AtOnce, 31 },
        { DeviceProfile.Rtx4090, StreamTime.Late, 257 },
        { DeviceProfile.A100, StreamTime.AtOnce, 1000 },
    };

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_kernel_runs_from_a_text(DeviceProfile device, StreamTime time, int count) => Run(Scale, device, time, count);

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_kernel_runs_as_NVRTC_compiles_it(DeviceProfile device, StreamTime time, int count) =>
        Run(CompiledSource.Compile(Source, "scale.cu", "compute_80"), device, time, count);

    [Fact]
    public void A_kernel_runs_from_a_graph()
    {
        using var emulator = new Emulator(DeviceProfile.A100);
        float[] values = [1, 2, 3, 4, 5];
        using (var context = new CudaContext(new CudaDriver(emulator).Devices[0]))
        using (var module = new CudaModule(context, Encoding.UTF8.GetBytes(Scale)))
        using (var stream = new CudaStream(context))
        using (var memory = new DeviceMemory(context, 20))
        {
            CudaKernel kernel = module.GetKernel("scale");
            memory.CopyFrom<float>(values, stream);
            stream.BeginCapture();
            var args = new Args { X = memory.Address, Y = memory.Address, Count = 5, Factor = 2 };
            kernel.Launch(stream, new Dim3(1), new Dim3(128), 0, args);
            using CudaGraph graph = stream.EndCapture();
            using CudaGraphExec exec = graph.Instantiate();
            exec.Launch(stream);
            exec.Launch(stream);
            exec.Launch(stream);
            memory.CopyTo<float>(values, stream);
        }
        Assert.Equal([8, 16, 24, 32, 40], values);
        Assert.Empty(emulator.Findings);
    }

    [Fact]
    public void An_access_beyond_the_end_is_found_and_the_context_is_lost()
    {
        using var emulator = new Emulator(DeviceProfile.A100);
        using var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        using var module = new CudaModule(context, Encoding.UTF8.GetBytes(Scale));
        using var stream = new CudaStream(context);
        using var memory = new DeviceMemory(context, 20);
        memory.Fill(0, stream);
        var args = new Args { X = memory.Address, Y = memory.Address, Count = 6, Factor = 2 };
        module.GetKernel("scale").Launch(stream, new Dim3(1), new Dim3(128), 0, args);
        Assert.Empty(emulator.Findings);
        CudaException exception = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal("CUDA_ERROR_ILLEGAL_ADDRESS", exception.CodeName);
        Finding read = emulator.Findings[0];
        Assert.Equal((Checks.Memory, "scale", new Dim3(5, 0, 0)), (read.Check, read.Kernel, read.Thread));
        Assert.Contains(emulator.Findings, f => f.Kind == FindingKinds.KernelFault && f.Call == "cuLaunchKernel");
    }

    [Fact]
    public void What_was_never_written_is_found_in_a_kernel()
    {
        using var emulator = new Emulator(DeviceProfile.A100);
        using var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        using var module = new CudaModule(context, Encoding.UTF8.GetBytes(Scale));
        using var stream = new CudaStream(context);
        using var memory = new DeviceMemory(context, 20);
        var args = new Args { X = memory.Address, Y = memory.Address, Count = 5, Factor = 2 };
        module.GetKernel("scale").Launch(stream, new Dim3(1), new Dim3(128), 0, args);
        stream.Synchronize();
        Finding finding = Assert.Single(emulator.Findings);
        Assert.Equal((Checks.Initialization, "scale", 5), (finding.Check, finding.Kernel, finding.Count));
    }

    [Fact]
    public void Memory_that_a_stream_has_freed_is_not_there_for_a_kernel()
    {
        using var emulator = new Emulator(DeviceProfile.A100);
        using var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        using var module = new CudaModule(context, Encoding.UTF8.GetBytes(Scale));
        using var stream = new CudaStream(context);
        ulong address;
        using (var memory = new DeviceMemory(stream, 20))
        {
            memory.Fill(0, stream);
            address = memory.Address;
        }
        var args = new Args { X = address, Y = address, Count = 5, Factor = 2 };
        module.GetKernel("scale").Launch(stream, new Dim3(1), new Dim3(128), 0, args);
        CudaException exception = Assert.Throws<CudaException>(stream.Synchronize);
        Assert.Equal("CUDA_ERROR_ILLEGAL_ADDRESS", exception.CodeName);
        Assert.Contains("freed", emulator.Findings[0].Message);
    }

    private static void Run(string text, DeviceProfile device, StreamTime time, int count)
    {
        using var emulator = new Emulator(new EmulatorOptions { Device = device, Streams = time });
        float[] x = [.. Enumerable.Range(0, count).Select(i => (i * 0.37f) - 5)];
        float[] y = new float[count];
        using (var context = new CudaContext(new CudaDriver(emulator).Devices[0]))
        using (var module = new CudaModule(context, Encoding.UTF8.GetBytes(text)))
        using (var stream = new CudaStream(context))
        using (var source = new DeviceMemory(context, count * sizeof(float)))
        using (var target = new DeviceMemory(context, count * sizeof(float)))
        {
            CudaKernel kernel = module.GetKernel("scale");
            Assert.Equal(128, kernel.MaxThreadsPerBlock);
            source.CopyFrom<float>(x, stream);
            var args = new Args { X = source.Address, Y = target.Address, Count = (uint)count, Factor = 1.7f };
            kernel.Launch(stream, new Dim3((uint)(count + 127) / 128), new Dim3(128), 0, args);
            target.CopyTo<float>(y, stream);
        }
        Assert.Equal(x.Select(v => v * 1.7f), y);
        Assert.Empty(emulator.Findings.Select(f => f.ToString()));
    }

    private struct Args
    {
        public ulong X;
        public ulong Y;
        public uint Count;
        public float Factor;
    }
}
