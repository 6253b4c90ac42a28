namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>Clusters with distributed shared memory, mbarriers and bulk copies.</summary>
public class ClusterTests
{
    private static int[] Run(string body, int threads, Dim3 grid, Dim3? cluster, int results)
    {
        string source =
            $"struct Args {{ int* x; int* y; }};\nextern \"C\" __global__ void test(const Args "
            + $"args)\n{{\nint i = threadIdx.x; int* x = args.x; int* y = args.y;\n{body}\n}}\n";
        using var device = new PtxRunner();
        ulong y = device.Allocate<int>(new int[results]);
        ulong x = device.Allocate<int>(Enumerable.Range(0, 4096).ToArray());
        byte[] parameters = [.. BitConverter.GetBytes(x), .. BitConverter.GetBytes(y)];
        LaunchReport report = device.Launch(device.Load(CompiledSource.Compile(source, "cluster.cu", "compute_90")), "test", grid,
            new Dim3((uint)threads), parameters, cluster: cluster);
        Assert.True(report.IsClean, $"{report.Error} {string.Join("\n", report.Findings)}");
        return device.Read<int>(y, results);
    }

    [Fact]
    public void Blocks_of_a_cluster_read_each_others_shared_memory()
    {
        const string body = """
            __shared__ int s[32];
            unsigned rank, ranks; asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank)); asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(ranks));
            s[i] = 100 * blockIdx.x + i;
            asm volatile("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::: "memory");
            unsigned mine = (unsigned)__cvta_generic_to_shared(&s[31 - i]), other; int v;
            asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(other) : "r"(mine), "r"((rank + 1) % ranks));
            asm volatile("ld.shared::cluster.u32 %0, [%1];" : "=r"(v) : "r"(other) : "memory");
            asm volatile("barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;" ::: "memory");
            y[blockIdx.x * 32 + i] = v;
            """;
        int[] y = Run(body, 32, new Dim3(8), new Dim3(4), 256);
        Assert.Equal(Enumerable.Range(0, 256).Select(k => 100 * (k / 32 / 4 * 4 + (k / 32 + 1) % 4) + 31 - k % 32), y);
    }

    [Fact]
    public void An_mbarrier_orders_producers_and_consumers()
    {
        const string body = """
            __shared__ int s[64]; __shared__ unsigned long long bar;
            unsigned b = (unsigned)__cvta_generic_to_shared(&bar);
            if (i == 0) asm volatile("mbarrier.init.shared.b64 [%0], 32;" :: "r"(b) : "memory");
            __syncthreads();
            for (int round = 0; round < 3; round++)
            {
                if (i < 32) { s[i] = x[i] + round; asm volatile("{ .reg .b64 t; mbarrier.arrive.shared.b64 t, [%0]; }" :: "r"(b) : "memory"); }
                else
                {
                    asm volatile("{ .reg .pred p; L: mbarrier.try_wait.parity.shared.b64 p, [%0], %1; @!p bra L; }" :: "r"(b), "r"(round & 1) : "memory");
                    y[32 * round + i - 32] = s[63 - i];
                }
                __syncthreads();
            }
            """;
        int[] y = Run(body, 64, new Dim3(1), null, 96);
        Assert.Equal(Enumerable.Range(0, 96).Select(k => 31 - k % 32 + k / 32), y);
    }

    [Fact]
    public void Bulk_copies_complete_on_an_mbarrier()
    {
        const string body = """
            __shared__ alignas(16) int s[256]; __shared__ unsigned long long bar;
            unsigned b = (unsigned)__cvta_generic_to_shared(&bar), to = (unsigned)__cvta_generic_to_shared(s);
            if (i == 0) { asm volatile("mbarrier.init.shared.b64 [%0], 1; fence.mbarrier_init.release.cluster;" :: "r"(b) : "memory"); }
            __syncthreads();
            if (i == 0)
            {
                asm volatile("{ .reg .b64 t; mbarrier.arrive.expect_tx.shared.b64 t, [%0], 1024; }" :: "r"(b) : "memory");
                asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], 1024, [%2];" :: "r"(to), "l"(x + 64), "r"(b) : "memory");
            }
            asm volatile("{ .reg .pred p; W: mbarrier.try_wait.parity.shared.b64 p, [%0], 0; @!p bra W; }" :: "r"(b) : "memory");
            for (int k = i; k < 256; k += 32) y[k] = s[k];
            """;
        Assert.Equal(Enumerable.Range(64, 256), Run(body, 32, new Dim3(1), null, 256));
    }
}
