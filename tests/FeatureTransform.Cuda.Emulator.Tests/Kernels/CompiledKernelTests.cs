using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>CUDA C++ of the kinds the project uses, compiled by NVRTC and executed.</summary>
public class CompiledKernelTests
{
    private const string Reduction = """
        struct Args { const float* x; float* y; int n; };
        extern "C" __global__ void __launch_bounds__(256) sum(const Args args)
        {
            __shared__ float part[8];
            float total = 0;
            for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < args.n; i += gridDim.x * blockDim.x) total += args.x[i];
            for (int o = 16; o; o >>= 1) total += __shfl_xor_sync(0xffffffffu, total, o);
            if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = total;
            __syncthreads();
            if (threadIdx.x < 32)
            {
                total = threadIdx.x < 8 ? part[threadIdx.x] : 0;
                for (int o = 4; o; o >>= 1) total += __shfl_down_sync(0xffffffffu, total, o);
                if (threadIdx.x == 0) args.y[blockIdx.x] = total;
            }
        }
        """;

    [StructLayout(LayoutKind.Sequential)]
    private struct ReductionArgs
    {
        public ulong X, Y;
        public int N;
        private readonly int padding;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(1000)]
    public void A_reduction_adds_up(int n)
    {
        string ptx = CompiledSource.Compile(Reduction, "sum.cu", "compute_80");
        using var device = new PtxRunner();
        float[] x = [.. Enumerable.Range(0, n).Select(i => (float)(i % 17 - 5))];
        ulong y = device.Allocate(3 * 4);
        var args = new ReductionArgs { X = device.Allocate<float>(x), Y = y, N = n };
        LaunchReport report = device.Launch(device.Load(ptx), "sum", new Dim3(3), new Dim3(256), args);
        report.ThrowIfUnclean();
        Assert.Equal(x.Sum(), device.Read<float>(y, 3).Sum());
    }

    private const string Tile = """
        typedef unsigned u32; typedef unsigned short u16; typedef unsigned long long u64;
        struct Args { const u16* a; const u16* b; float* c; int k; int pad; };
        // c (16 x 8) = a (16 x k) b (8 x k)^T, one warp, operands through shared memory, double buffered.
        extern "C" __global__ void __launch_bounds__(32) tile(const Args args)
        {
            __shared__ __align__(16) u16 sa[2][16][24], sb[2][8][24];
            int lane = threadIdx.x;
            float acc[4] = {};
            auto load = [&](int stage, int k0)
            {
                u32 to = (u32)__cvta_generic_to_shared(&sa[stage][lane >> 1][8 * (lane & 1)]);
                asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(to), "l"(args.a + (lane >> 1) * args.k + k0 + 8 * (lane & 1)));
                if (lane < 16)
                {
                    to = (u32)__cvta_generic_to_shared(&sb[stage][lane >> 1][8 * (lane & 1)]);
                    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(to), "l"(args.b + (lane >> 1) * args.k + k0 + 8 * (lane & 1)));
                }
                asm volatile("cp.async.commit_group;");
            };
            load(0, 0);
            for (int k0 = 0, stage = 0; k0 < args.k; k0 += 16, stage ^= 1)
            {
                if (k0 + 16 < args.k) { load(stage ^ 1, k0 + 16); asm volatile("cp.async.wait_group 1;"); }
                else asm volatile("cp.async.wait_group 0;");
                __syncwarp();
                u32 a[4], b[2];
                u32 from = (u32)__cvta_generic_to_shared(&sa[stage][lane & 15][8 * (lane >> 4)]);
                asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(a[0]), "=r"(a[1]), "=r"(a[2]), "=r"(a[3]) : "r"(from));
                from = (u32)__cvta_generic_to_shared(&sb[stage][lane & 7][8 * (lane >> 3 & 1)]);
                asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];" : "=r"(b[0]), "=r"(b[1]) : "r"(from));
                asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                    : "+f"(acc[0]), "+f"(acc[1]), "+f"(acc[2]), "+f"(acc[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
                __syncwarp();
            }
            int g = lane >> 2, t = lane & 3;
            args.c[8 * g + 2 * t] = acc[0]; args.c[8 * g + 2 * t + 1] = acc[1];
            args.c[8 * (g + 8) + 2 * t] = acc[2]; args.c[8 * (g + 8) + 2 * t + 1] = acc[3];
        }
        """;

    [StructLayout(LayoutKind.Sequential)]
    private struct TileArgs
    {
        public ulong A, B, C;
        public int K;
        private readonly int padding;
    }

    public static TheoryData<string, AsyncCopyTime> Devices => new()
    {
        { "compute_80", AsyncCopyTime.Late }, { "compute_80", AsyncCopyTime.AtOnce }, { "compute_90", AsyncCopyTime.Late },
    };

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_matrix_tile_through_shared_memory_is_exact_on_small_integers(string architecture, AsyncCopyTime time)
    {
        const int k = 48;
        string ptx = CompiledSource.Compile(Tile, "tile.cu", architecture);
        using var device = new PtxRunner(new EmulatorOptions
        {
            Device = architecture == "compute_80" ? DeviceProfile.A100 : DeviceProfile.H100,
            AsyncCopies = time,
        });
        var random = new Random(5);
        float[] a = [.. Enumerable.Range(0, 16 * k).Select(_ => (float)random.Next(-8, 9))],
            b = [.. Enumerable.Range(0, 8 * k).Select(_ => (float)random.Next(-8, 9))];
        ulong c = device.Allocate(16 * 8 * 4);
        var args = new TileArgs { A = device.Allocate<ushort>(Bf16(a)), B = device.Allocate<ushort>(Bf16(b)), C = c, K = k };
        LaunchReport report = device.Launch(device.Load(ptx), "tile", new Dim3(1), new Dim3(32), args);
        report.ThrowIfUnclean();
        float[] result = device.Read<float>(c, 128);
        for (int i = 0; i < 16; i++)
        {
            for (int j = 0; j < 8; j++)
            {
                Assert.Equal(Enumerable.Range(0, k).Sum(x => a[i * k + x] * b[j * k + x]), result[8 * i + j]);
            }
        }
    }

    private static ushort[] Bf16(float[] x) => [.. x.Select(v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))];
}
