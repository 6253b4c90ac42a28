using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Tests.Defects;

/// <summary>Defects of a launch as a whole: kernels without an end, blocks that leave too early, memory that is read-only.</summary>
public class LaunchDefectTests
{
    // x: 256 ints from 0 up.
    private static LaunchReport Run(string body, int threads = 32, int blocks = 1, Dim3? cluster = null, string outside = "", EmulatorOptions? options = null)
    {
        string source = $"{outside}\nextern \"C\" __global__ void test(int* x)\n{{\nint i = threadIdx.x;\n{body}\n}}\n";
        options ??= new EmulatorOptions();
        string ptx = CompiledSource.Compile(source, "launch.cu", options.Device.Major >= 9 ? "compute_90" : "compute_80");
        using var device = new PtxRunner(options);
        ulong x = device.Allocate<int>([.. Enumerable.Range(0, 256)], "x");
        return device.Launch(
            device.Load(ptx), "test", new Dim3((uint)blocks), new Dim3((uint)threads), BitConverter.GetBytes(x), cluster: cluster);
    }

    [Theory]
    [InlineData("asm volatile(\"L: bra L;\");")]
    [InlineData("while (*(volatile int*)(x + 255) == 255) ;")]
    [InlineData("while (atomicAdd(x, 1) >= 0) x[1] = 7;")]
    public void A_kernel_without_an_end_is_ended_and_its_place_told(string body)
    {
        LaunchReport report = Run(body, options: new EmulatorOptions { InstructionLimit = 200_000 });
        Finding finding = Assert.Single(report.Findings, f => f.Kind == "endless");
        Assert.Equal(5, finding.Line);
        Assert.Contains("does not end within 200000 instructions", report.Error, StringComparison.Ordinal);
        Assert.Contains("warp 0 lanes 0xffffffff at /kernels/launch.cu:5", report.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_kernel_is_not_taken_for_an_endless_one()
    {
        const string body = "int s = 0; for (int k = 0; k < 100000 * x[1]; k++) s += x[k & 127]; x[128 + i] = s;";
        Assert.True(Run(body, options: new EmulatorOptions { InstructionLimit = 2_000_000 }).IsClean);
        Assert.False(Run(body, options: new EmulatorOptions { InstructionLimit = 40_000 }).IsClean);
    }

    [Fact]
    public void A_line_that_was_unrolled_is_told_once_with_its_count()
    {
        LaunchReport report = Run("__shared__ int s[64];\n#pragma unroll\nfor (int k = 0; k < 8; k++)\n    x[32 * k + i] = s[(k + i) & 63];");
        Finding finding = Assert.Single(report.Findings);
        Assert.Equal(("uninitialised read", 8, 256L), (finding.Kind, finding.Line, finding.Count));
    }

    [Theory]
    [InlineData("int v = __ldg(x + i); __syncthreads();\nx[31 - i] = v;", 6)]
    [InlineData("x[i] = 7; __syncthreads();\nint v = __ldg(x + 31 - i); x[64 + i] = v;", 6)]
    [InlineData("x[64 + i] = __ldg(x + i);\n", 0)]
    public void Read_only_loads_do_not_read_what_the_kernel_writes(string body, int line)
    {
        // __ldg is the toolkit's name of ld.global.nc.
        const string ldg =
            "__device__ int __ldg(const int* p) { int v; asm volatile(\"ld.global.nc.s32 %0, [%1];\" : \"=r\"(v) : \"l\"(p)); return v; }";
        LaunchReport report = Run(body, outside: ldg);
        Assert.Equal(line > 0 ? ["write to read-only memory"] : [], report.Findings.Select(f => f.Kind));
        Assert.All(report.Findings, f => Assert.True(
            f.Line == line || f.InlinedFrom.Any(place => place.EndsWith($":{line}", StringComparison.Ordinal)), f.ToString()));
    }

    [Fact]
    public void Constant_memory_is_not_written()
    {
        LaunchReport report = Run("if (i == 0) asm volatile(\"st.s32 [%0], 5;\" :: \"l\"(&c[1]));\nx[i] = c[i & 3];", outside: "__constant__ int c[4] = {1, 2, 3, 4};");
        Finding finding = Assert.Single(report.Findings);
        Assert.Equal(("write to constant memory", 5), (finding.Kind, finding.Line));
        Assert.NotNull(report.Error);
    }

    [Theory]
    [InlineData(true, true, true)]
    [InlineData(true, false, false)] // the counter is read without an acquire: the last block may see old values
    [InlineData(false, true, false)]
    public void Both_sides_of_an_order_between_blocks_need_their_fence(bool release, bool acquire, bool ordered)
    {
        string body = "__shared__ bool last; x[32 + blockIdx.x * 32 + i] = i;" + (release ? "__threadfence();" : "")
            + " __syncthreads(); if (i == 0) { last = atomicAdd(x, 1) == gridDim.x - 1;" + (acquire ? "__threadfence();" : "")
            + "} __syncthreads();\nif (last) { int t = 0; for (int b = 0; b < gridDim.x; b++) t += x[32 + b * 32 + i]; x[200 + i] = t; }";
        LaunchReport report = Run(body, blocks: 4);
        Assert.Equal(ordered, report.IsClean);
        Assert.All(report.Findings, f => Assert.Equal(("race", 6), (f.Kind, f.Line)));
    }

    /// <summary>The order of blocks that run at the same time is that of their atomics, with no race where there is none.</summary>
    [Fact]
    public void Blocks_on_several_cores_are_ordered_as_on_one()
    {
        const string body = "__shared__ bool last; if (i == 0) x[64 + blockIdx.x] = x[255] + blockIdx.x; __threadfence(); __syncthreads();\n"
            + "if (i == 0) { last = atomicAdd(x, 1) == gridDim.x - 1; __threadfence(); } __syncthreads();\n"
            + "if (last) { int t = 0; for (int b = 0; b < gridDim.x; b++) t += x[64 + b]; x[1 + i] = t; }";
        for (int seed = 0; seed < 50; seed++)
        {
            LaunchReport report = Run(body, blocks: 64, options: new EmulatorOptions { Workers = 4, OrderSeed = seed });
            Assert.True(report.IsClean, $"{report.Error} {string.Join('\n', report.Findings)}");
        }
    }

    private const string Remote = """
        __shared__ int s[32]; unsigned rank; asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank)); s[i] = i;
        asm volatile("barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;" ::: "memory");
        unsigned mine = (unsigned)__cvta_generic_to_shared(&s[i]), other; int v = 0;
        asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(other) : "r"(mine), "r"(rank ^ 1));
        """;

    [Theory]
    [InlineData("if (rank == 0) { for (int k = 0; k < 20000; k++) v += x[k & 255];\nasm volatile(\"ld.shared::cluster.u32 %0, [%1];\" : \"=r\"(v) : \"r\"(other)); x[i] = v; }", 10)]
    [InlineData("\nif (rank == 1) asm volatile(\"ld.shared::cluster.u32 %0, [%1];\" : \"=r\"(v) : \"r\"(other)); x[32 * rank + i] = v;", 10)]
    [InlineData("\nasm volatile(\"ld.shared::cluster.u32 %0, [%1];\" : \"=r\"(v) : \"r\"(other)); x[32 * rank + i] = v; asm volatile(\"barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;\" ::: \"memory\");", 0)]
    public void A_block_stays_until_its_shared_memory_is_no_longer_read(string body, int line)
    {
        foreach (int seed in new[] { 0, 1, 2 })
        {
            LaunchReport report = Run(Remote + "\n" + body, blocks: 2, cluster: new Dim3(2), options: new EmulatorOptions { OrderSeed = seed });
            Assert.Null(report.Error);
            Assert.Equal(line > 0 ? [("cluster exit too early", line)] : [], report.Findings.Select(f => (f.Kind, f.Line)));
        }
    }
}
