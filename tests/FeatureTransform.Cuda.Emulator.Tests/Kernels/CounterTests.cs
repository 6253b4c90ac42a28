namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>Counters of kernels whose numbers can be worked out by hand.</summary>
public class CounterTests
{
    private static KernelCounters Count(string body, int threads = 64)
    {
        string text = $$"""
            .version 8.4
            .target sm_80
            .address_size 64
            .visible .entry test(.param .u64 x_)
            {
              .reg .pred %p<4>; .reg .b32 %r<16>; .reg .f32 %f<8>; .reg .b64 %rd<8>;
              .shared .align 16 .b8 s[8192];
              ld.param.u64 %rd1, [x_];
              mov.u32 %r1, %tid.x;
              {{body}}
              ret;
            }
            """;
        using var device = new PtxRunner(new EmulatorOptions
        {
            Device = DeviceProfile.A100,
            Counters = true,
            Checks = Execution.Checks.Memory
        });
        LaunchReport report = device.Launch(device.Load(text), "test", new Dim3(2), new Dim3((uint)threads),
            BitConverter.GetBytes(device.Allocate<byte>(new byte[65536])));
        report.ThrowIfUnclean();
        return report.Counters!;
    }

    // Two blocks of two warps: each number is for 4 warps.
    [Theory]
    [InlineData("mul.wide.u32 %rd2, %r1, 4; add.s64 %rd2, %rd1, %rd2; ld.global.u32 %r2, [%rd2];", 4, 16, 4)]
    [InlineData("mul.wide.u32 %rd2, %r1, 128; add.s64 %rd2, %rd1, %rd2; ld.global.u32 %r2, [%rd2];", 4, 128, 128)]
    [InlineData("mul.wide.u32 %rd2, %r1, 16; add.s64 %rd2, %rd1, %rd2; ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd2];", 4, 64,
        16)]
    [InlineData("ld.global.u32 %r2, [%rd1];", 4, 4, 4)]
    public void Sectors_and_lines_of_global_memory(string body, long requests, long sectors, long lines)
    {
        KernelCounters counters = Count(body);
        Assert.Equal((requests, sectors, lines), (counters.GlobalRequests, counters.GlobalSectors, counters.GlobalCacheLines));
    }

    // A word for each of 4 x 32 lanes: 16 sectors an access, of the atomic one for each of 4 warps.
    [Theory]
    [InlineData("ld.global.u32 %r2, [%rd2];", 16, 0)]
    [InlineData("st.global.u32 [%rd2], %r1;", 16, 16)]
    [InlineData("ld.global.u32 %r2, [%rd2]; st.global.u32 [%rd2], %r2;", 32, 16)]
    [InlineData("ld.u32 %r2, [%rd2]; st.u32 [%rd2], %r2;", 32, 16)]
    [InlineData("atom.global.add.u32 %r2, [%rd1], 1;", 4, 4)]
    [InlineData("mov.u32 %r3, s; mad.lo.u32 %r3, %r1, 4, %r3; cp.async.ca.shared.global [%r3], [%rd2], 4; cp.async.wait_all;", 16, 0)]
    public void Sectors_that_are_written(string body, long sectors, long written)
    {
        KernelCounters counters = Count($"mul.wide.u32 %rd2, %r1, 4; add.s64 %rd2, %rd1, %rd2; {body}");
        Assert.Equal((sectors, written), (counters.GlobalSectors, counters.GlobalWrittenSectors));
    }

    [Theory]
    [InlineData(4, "u32 [%r2], %r1", 4, 0)]
    [InlineData(8, "u32 [%r2], %r1", 8, 4)] // two words of each even bank
    [InlineData(128, "u32 [%r2], %r1", 128, 124)] // all in one bank
    [InlineData(0, "u32 [%r2], %r1", 4, 0)] // one word for all
    [InlineData(16, "v4.u32 [%r2], {%r1, %r1, %r1, %r1}", 16, 0)]
    public void Passes_through_the_banks(int stride, string store, long wavefronts, long conflicts)
    {
        KernelCounters counters = Count($"and.b32 %r2, %r1, 31; mul.lo.u32 %r2, %r2, {stride}; st.shared.{store};");
        Assert.Equal((4L, wavefronts, conflicts), (counters.SharedRequests, counters.SharedWavefronts, counters.BankConflicts));
    }

    [Fact]
    public void Instructions_lanes_and_flops()
    {
        KernelCounters counters = Count("""
            mov.f32 %f1, 0f3F800000;
            fma.rn.f32 %f2, %f1, %f1, %f1;
            setp.lt.u32 %p1, %r1, 40;
            @%p1 add.f32 %f2, %f2, %f1;
            bar.sync 0;
            @%p1 bra DONE;
            mul.f32 %f2, %f2, %f2;
            DONE:
            """);
        Assert.Equal(2 * (64 * 2 + 40 + 24), counters.SingleFlops);
        Assert.Equal(2, counters.DivergentBranches);
        Assert.Equal(4, counters.Barriers);
        Assert.Equal(4, counters.Branches);
        // 9 instructions for each of 4 warps; the first warp of each block jumps over the multiplication.
        Assert.Equal(4 * 10 - 2, counters.Instructions + 0);
    }
}
