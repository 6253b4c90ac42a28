using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Benchmarks.TrainingStep;

/// <summary>The arithmetic limit of the machine, measured: independent chains of fused multiply-adds on every core.</summary>
internal static unsafe class MachinePeak
{
    private const int Chains = 12;
    private const long Iterations = 20_000_000;

    /// <summary>fp32 FMA rate of all threads in GFLOP/s (2 a lane).</summary>
    public static double Float32(int threads) => Rate(threads, &Float32Chains, 2 * Vector512<float>.Count);

    /// <summary>bf16 dot-product rate (VDPBF16PS, 4 flops a fp32 lane) in GFLOP/s; null where the CPU has none.</summary>
    public static double? BFloat16(int threads)
    {
        if (!DeviceSelector.HasBFloat16Products || !OperatingSystem.IsLinux())
        {
            return null;
        }

        // twelve vdpbf16ps zmm0..zmm11, zmm12, zmm13; dec rdi; jnz back; vzeroupper; ret
        var code = new List<byte>();
        for (int i = 0; i < Chains; i++)
        {
            code.AddRange([0x62, (byte)(i < 8 ? 0xD2 : 0x52), 0x1E, 0x48, 0x52, (byte)(0xC5 | ((i & 7) << 3))]);
        }

        code.AddRange([0x48, 0xFF, 0xCF]);
        int back = -(code.Count + 2);
        code.AddRange(back >= -128 ? [0x75, (byte)back] : throw new InvalidOperationException("The loop is too long."));
        code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);
        const int readWriteExecute = 7, privateAnonymous = 0x22;
        nuint length = 4096;
        void* page = Map(null, length, readWriteExecute, privateAnonymous, -1, 0);
        if ((nint)page == -1)
        {
            return null;
        }

        code.ToArray().CopyTo(new Span<byte>(page, code.Count));
        loop = (delegate* unmanaged<long, void>)page;
        return Rate(threads, &BFloat16Chains, 4 * Vector512<float>.Count);
    }

    private static delegate* unmanaged<long, void> loop;

    private static double Rate(int threads, delegate*<void> body, int flops)
    {
        double best = 0;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            var workers = new Thread[threads];
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < threads; i++)
            {
                workers[i] = new Thread(() => body());
                workers[i].Start();
            }

            foreach (Thread worker in workers)
            {
                worker.Join();
            }

            best = Math.Max(best, (double)threads * Iterations * Chains * flops / watch.Elapsed.TotalSeconds / 1e9);
        }

        return best;
    }

    private static void BFloat16Chains() => loop(Iterations);

    private static void Float32Chains()
    {
        Vector512<float> x = Vector512.Create(0.999f), y = Vector512.Create(1e-6f);
        Vector512<float> a = x * 1, b = x * 2, c = x * 3, d = x * 4, e = x * 5, f = x * 6;
        Vector512<float> g = x * 7, h = x * 8, i = x * 9, j = x * 10, k = x * 11, l = x * 12;
        for (long n = 0; n < Iterations; n++)
        {
            a = Vector512.FusedMultiplyAdd(a, x, y);
            b = Vector512.FusedMultiplyAdd(b, x, y);
            c = Vector512.FusedMultiplyAdd(c, x, y);
            d = Vector512.FusedMultiplyAdd(d, x, y);
            e = Vector512.FusedMultiplyAdd(e, x, y);
            f = Vector512.FusedMultiplyAdd(f, x, y);
            g = Vector512.FusedMultiplyAdd(g, x, y);
            h = Vector512.FusedMultiplyAdd(h, x, y);
            i = Vector512.FusedMultiplyAdd(i, x, y);
            j = Vector512.FusedMultiplyAdd(j, x, y);
            k = Vector512.FusedMultiplyAdd(k, x, y);
            l = Vector512.FusedMultiplyAdd(l, x, y);
        }

        GC.KeepAlive(a + b + c + d + e + f + g + h + i + j + k + l);
    }

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);
}
