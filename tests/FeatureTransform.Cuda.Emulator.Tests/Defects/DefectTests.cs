using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Tests.Defects;

/// <summary>
/// Small kernels with one defect each, and their correct twins: the defect is found at its line, the twin is silent.
/// </summary>
public class DefectTests
{
    // The kernel gets x (256 ints, written), y (256 ints, not written) and n = 256. MARK stands at the line a finding must name.
    private static LaunchReport Run(string body, int threads = 128, int blocks = 1, EmulatorOptions? options = null,
        string shared = "__shared__ int s[256];")
    {
        string source =
            $"struct Args {{ int* x; int* y; int n; int pad; }};\nextern \"C\" __global__ void test(const Args "
            + $"args)\n{{\n{shared}\nint i = threadIdx.x; int* x = args.x; int* y = args.y; int n = args.n;\n{body}\n}}\n";
        string ptx = CompiledSource.Compile(source, "defect.cu", "compute_80");
        using var device = new PtxRunner(options ?? new EmulatorOptions { Device = DeviceProfile.A100 });
        byte[] parameters = [.. BitConverter.GetBytes(device.Allocate<int>(new int[256], "x")),
            .. BitConverter.GetBytes(device.Allocate(1024, "y")), .. BitConverter.GetBytes(256), 0, 0, 0, 0];
        return device.Launch(device.Load(ptx), "test", new Dim3((uint)blocks), new Dim3((uint)threads), parameters);
    }

    private static int MarkedLine(string body) => 6 + body[..body.IndexOf("/*here*/", StringComparison.Ordinal)].Count(c =>
        c == '\n');

    [Theory]
    [InlineData("y[i + n - 100] = i; /*here*/", "out of bounds")]
    [InlineData("y[i] = x[i - 1]; /*here*/", "out of bounds")]
    [InlineData("y[0] = *(int*)((char*)x + 4 * i + 2); /*here*/", "misaligned")]
    [InlineData("s[i + 200] = i; /*here*/\n__syncthreads(); y[i] = s[i];", "out of bounds")]
    [InlineData("x[i] = y[i]; /*here*/", "uninitialised read")]
    [InlineData("s[i] = i; __syncthreads();\ny[i] = s[i + 1]; /*here*/", "uninitialised read")]
    [InlineData("s[i] = x[i];\ny[i] = s[127 - i]; /*here*/", "race")]
    [InlineData("s[i] = x[i]; __syncthreads();\nint v = s[127 - i];\ns[i] = v + 1; /*here*/\ny[i] = v;", "race")]
    [InlineData("if (i < 40) s[0] = i; /*here*/\n__syncthreads(); y[i] = s[0];", "race")]
    [InlineData("s[i] = x[i]; __syncwarp();\ny[i] = s[(i + 32) & 127]; /*here*/", "race")]
    [InlineData("s[i] = x[i];\ny[i] = s[i ^ 1]; /*here*/", "race")]
    [InlineData("if (i < 50) __syncthreads(); /*here*/\ny[i] = 1;\n__syncthreads(); x[i] = y[127 - i];", "divergent barrier")]
    [InlineData("if ((i & 31) < 16) y[i] = __shfl_sync(0xffffu, i, 20); /*here*/", "shuffle from inactive lane")]
    [InlineData("if (i & 1) y[i] = __shfl_sync(0x55555555u, i, 2); /*here*/", "membermask without caller")]
    public void A_defect_is_found_at_its_line(string body, string kind)
    {
        LaunchReport report = Run(body);
        Assert.True(report.Findings.Any(f => f.Kind == kind && f.Line == MarkedLine(body)
            && f.File!.EndsWith("defect.cu", StringComparison.Ordinal)),
            $"expected '{kind}' at line {MarkedLine(body)}, found: {string.Join("\n", report.Findings)} {report.Error}");
    }

    [Theory]
    [InlineData("y[i] = x[i] + i;")]
    [InlineData("s[i] = x[i]; __syncthreads(); y[i] = s[127 - i];")]
    [InlineData("s[i] = x[i]; __syncthreads(); int v = s[127 - i]; __syncthreads(); s[i] = v + 1; y[i] = v;")]
    [InlineData("s[i] = x[i]; __syncwarp(); y[i] = s[i ^ 1];")]
    [InlineData("if (i < 64) { s[i] = i; asm volatile(\"bar.sync 1, 64;\" ::: \"memory\"); y[i] = s[63 - i]; }")]
    [InlineData("if (i < 64) { s[i] = i; asm volatile(\"bar.arrive 1, 128;\" ::: \"memory\"); } else { asm "
        + "volatile(\"bar.sync 1, 128;\" ::: \"memory\"); y[i] = s[i - 64]; }")]
    [InlineData("atomicAdd(&x[0], 1); __syncthreads(); y[i] = x[0];")]
    [InlineData("if (i >= 100) { y[i] = 0; return; } s[i] = i; __syncthreads(); y[i] = s[99 - i];")]
    [InlineData("if (i >= 100) return; s[i] = i; __syncthreads(); y[i] = s[99 - i];")]
    [InlineData("unsigned m = i & 16 ? 0xffff0000u : 0xffffu; s[i] = i; __syncwarp(m); y[i] = s[i ^ 15] + __shfl_sync(m, "
        + "i, i & 15, 16);")]
    [InlineData("if (i < 32) s[i] = 7; if (i < 32) { __syncwarp(); y[i] = s[31 - i]; }")]
    [InlineData("for (int k = 0; k < 4; k++) { s[i] = k + i; __syncthreads(); if (k == 3) y[i] = s[(i + 1) & 127]; else if "
        + "(s[(i + 1) & 127] < 0) y[0] = 1; __syncthreads(); }")]
    public void Correct_code_is_silent(string body)
    {
        foreach (int seed in new[] { 0, 1, 2 })
        {
            LaunchReport report = Run(body, options: new EmulatorOptions { Device = DeviceProfile.A100, OrderSeed = seed });
            Assert.True(report.IsClean, $"{report.Error} {string.Join("\n", report.Findings)}");
        }
    }

    [Fact]
    public void A_missing_wait_for_an_asynchronous_copy_is_found()
    {
        const string copy =
            "unsigned to = (unsigned)__cvta_generic_to_shared(&s[4 * i]); asm volatile(\"cp.async.ca.shared.global [%0], "
            + "[%1], 16;\" :: \"r\"(to), \"l\"(x + 4 * (i & 15)));\n"
            + "asm volatile(\"cp.async.commit_group;\");";
        LaunchReport missing = Run(copy + "\n__syncthreads();\ny[i] = s[4 * i]; /*here*/", threads: 64);
        Assert.Contains(missing.Findings, f => f.Kind == "race"
            && f.Message.Contains("asynchronous copy", StringComparison.Ordinal) && f.Line == 9);
        Assert.Contains(missing.Findings, f => f.Kind == "uninitialised read" && f.Line == 9);
        LaunchReport unordered =
            Run(copy + "asm volatile(\"cp.async.wait_group 0;\" ::: \"memory\");\ny[i] = s[4 * (i ^ 33)]; /*here*/", threads: 64);
        Assert.Contains(unordered.Findings, f => f.Kind == "race");
        LaunchReport right =
            Run(copy + "asm volatile(\"cp.async.wait_group 0;\" ::: \"memory\"); __syncthreads();\ny[i] = s[4 * (i ^ 33)];",
            threads: 64);
        Assert.True(right.IsClean, $"{right.Error} {string.Join("\n", right.Findings)}");
    }

    [Fact]
    public void Blocks_that_write_the_same_bytes_race()
    {
        LaunchReport report = Run("y[i] = blockIdx.x; /*here*/", blocks: 2);
        Assert.Contains(report.Findings, f => f.Kind == "race" && f.Message.Contains("another block", StringComparison.Ordinal));
    }

    // The last block to arrive adds up what the others wrote: the pattern of a single-pass reduction.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_fence_and_an_atomic_order_blocks(bool fence)
    {
        string body = "__shared__ bool last; y[blockIdx.x * 32 + i] = i;" + (fence ? " __threadfence();" : "")
            + " __syncthreads(); if (i == 0) last = atomicAdd(&x[0], 1) == gridDim.x - 1; __syncthreads();\n"
            + "if (last) { " + (fence ? "__threadfence(); " : "")
                + "int t = 0; for (int b = 0; b < gridDim.x; b++) t += y[b * 32 + i]; x[1 + i] = t; }";
        LaunchReport report = Run(body, threads: 32, blocks: 4);
        Assert.True(fence == report.IsClean, $"{report.Error} {string.Join("\n", report.Findings)}");
        Assert.True(fence || report.Findings.All(f => f.Kind == "race"));
    }

    [Fact]
    public void A_barrier_that_some_threads_never_reach_is_a_deadlock_with_its_places()
    {
        LaunchReport report = Run("if (i < 64) asm volatile(\"bar.sync 1, 128;\"); else asm volatile(\"bar.sync 2, 128;\");");
        Assert.Contains(report.Findings, f => f.Kind == "deadlock");
        Assert.Contains("barrier 1", report.Error!, StringComparison.Ordinal);
        Assert.Contains("barrier 2", report.Error!, StringComparison.Ordinal);
    }

    [Fact]
    public void Spin_locks_make_progress()
    {
        const string body =
            "volatile int* lock = x; bool done = false; while (!done) { if (atomicCAS(&x[0], 0, 1) == 0) { x[1] = "
            + "*(volatile int*)&x[1] + 1; __threadfence(); atomicExch(&x[0], 0); done = true; } } if (x[2]) y[0] = lock[0];";
        string source =
            $"struct Args {{ int* x; int* y; int n; int pad; }};\nextern \"C\" __global__ void test(const Args "
            + $"args)\n{{ int* x = args.x; int* y = args.y;\n{body}\n}}\n";
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        ulong x = device.Allocate<int>(new int[256]);
        byte[] parameters = [.. BitConverter.GetBytes(x), .. BitConverter.GetBytes(device.Allocate(1024)),
            .. BitConverter.GetBytes(256), 0, 0, 0, 0];
        LaunchReport report = device.Launch(device.Load(CompiledSource.Compile(source, "lock.cu", "compute_80")), "test", new Dim3(2),
            new Dim3(64), parameters);
        Assert.Null(report.Error);
        Assert.Equal(128, device.Read<int>(x, 2)[1]);
    }

    [Fact]
    public void Blocks_that_wait_for_each_other_run_side_by_side()
    {
        const string source =
            "struct Args { int* x; int* y; int n; int pad; };\nextern \"C\" __global__ void test(const Args args)\n"
            + "{ if (threadIdx.x == 0) { atomicAdd(args.x, 1); while (*(volatile int*)args.x < gridDim.x) ; } "
            + "__syncthreads(); args.y[blockIdx.x * 32 + threadIdx.x] = *(volatile int*)args.x; }";
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        ulong y = device.Allocate(1024);
        byte[] parameters = [.. BitConverter.GetBytes(device.Allocate<int>(new int[4])), .. BitConverter.GetBytes(y),
            .. BitConverter.GetBytes(256), 0, 0, 0, 0];
        device.Launch(device.Load(CompiledSource.Compile(source, "wait.cu", "compute_80")), "test", new Dim3(8), new Dim3(32), parameters)
            .ThrowIfUnclean();
        Assert.All(device.Read<int>(y, 256), v => Assert.Equal(8, v));
    }

    [Fact]
    public void What_was_freed_is_named()
    {
        const string source =
            "struct Args { int* x; };\nextern \"C\" __global__ void test(const Args args)\n{\nargs.x[threadIdx.x] = 1;\n}";
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        ulong x = device.Allocate<int>(new int[32], "keys");
        PtxRunnerModule module = device.Load(CompiledSource.Compile(source, "free.cu", "compute_80"));
        device.Free(x);
        LaunchReport report = device.Launch(module, "test", new Dim3(1), new Dim3(32), BitConverter.GetBytes(x));
        Finding finding = Assert.Single(report.Findings);
        Assert.Equal(("use after free", 4, 32L), (finding.Kind, finding.Line, finding.Count));
        Assert.Contains("keys", finding.Message, StringComparison.Ordinal);
    }
}
