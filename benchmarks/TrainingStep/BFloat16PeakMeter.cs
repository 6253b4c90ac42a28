using System.Diagnostics;
using System.Runtime.InteropServices;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Benchmarks.TrainingStep;

/// <summary>
/// The bf16 dot-product rate of the processor: independent chains of VDPBF16PS in registers. .NET has no intrinsic of that
/// instruction, so the loop is written in machine code.
/// </summary>
internal static unsafe class BFloat16PeakMeter
{
    private const int Chains = 12;
    private const long Iterations = 20_000_000;

    /// <summary>GFLOP/s of so many threads, 4 flops a fp32 lane; null where the CPU has no such instruction or the system is not Linux.</summary>
    public static double? Measure(int threads)
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
        return Rate(threads);
    }

    private static delegate* unmanaged<long, void> loop;

    private static double Rate(int threads)
    {
        const int flops = 4 * 16;
        double best = 0;
        for (int attempt = 0; attempt < 3; attempt++)
        {
            var workers = new Thread[threads];
            var watch = Stopwatch.StartNew();
            for (int i = 0; i < threads; i++)
            {
                workers[i] = new Thread(() => loop(Iterations));
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

    [DllImport("libc", EntryPoint = "mmap")]
    private static extern void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);
}
