using System.Buffers.Binary;
using System.Numerics;

namespace FeatureTransform.Cuda.Emulator.Tests.Kernels;

/// <summary>
/// The kernels of the shared samples run with the same results from all texts, and with the values worked out here.
/// </summary>
public class SampleKernelTests
{
    private const int Threads = 32;

    // Runs a kernel of every text that has it and returns the one result they agree on.
    private static byte[] Agreed(string family, string kernel, Dim3 block, Func<PtxRunner,
        (byte[] Parameters, ulong Result, int Bytes)> prepare, Dim3? grid = null)
    {
        byte[]? agreed = null;
        foreach (string file in Samples.Files.Where(f => Path.GetFileName(f).StartsWith(family, StringComparison.Ordinal)))
        {
            using var device = new PtxRunner();
            PtxRunnerModule module = device.Load(File.ReadAllText(file));
            (byte[] parameters, ulong result, int bytes) = prepare(device);
            LaunchReport report = device.Launch(module, kernel, grid ?? new Dim3(1), block, parameters);
            Assert.True(report.IsClean,
                $"{Path.GetFileName(file)} {kernel}: {report.Error} {string.Join("\n", report.Findings)}");
            byte[] bits = device.Read<byte>(result, bytes);
            agreed ??= bits;
            Assert.True(bits.AsSpan().SequenceEqual(agreed), $"{Path.GetFileName(file)} {kernel} differs from the first text");
        }
        return agreed!;
    }

    private static byte[] Parameters(params object[] values)
    {
        var bytes = new List<byte>();
        foreach (object value in values)
        {
            byte[] one = value switch
            {
                ulong u => BitConverter.GetBytes(u),
                uint u => BitConverter.GetBytes(u),
                int i => BitConverter.GetBytes(i),
                _ => throw new ArgumentException("type"),
            };
            while (bytes.Count % one.Length != 0)
            {
                bytes.Add(0);
            }
            bytes.AddRange(one);
        }
        return [.. bytes];
    }

    private static int[] Ints(byte[] bytes) => [.. Enumerable.Range(0, bytes.Length / 4)
        .Select(i => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4 * i)))];

    [Fact]
    public void Recursion()
    {
        static int Fibonacci(int n) => n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2);
        int[] y = Ints(Agreed("misc", "recursion", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(4 * Threads);
            return (Parameters(result, 6), result, 4 * Threads);
        }));
        Assert.Equal(Enumerable.Range(0, Threads).Select(t => Fibonacci(6 + (t & 7))), y);
    }

    [Fact]
    public void Indirect_calls()
    {
        float[] x = [.. Enumerable.Range(0, Threads).Select(i => i * 0.5f)];
        byte[] bytes = Agreed("misc", "indirect", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(4 * Threads);
            return (Parameters(result, d.Allocate<float>(x), 1), result, 4 * Threads);
        });
        Assert.Equal(x.Select((v, t) => ((t + 1) & 1) == 0 ? v + 3 : v * 3),
            Enumerable.Range(0, Threads).Select(i => BitConverter.ToSingle(bytes, 4 * i)));
    }

    [Fact]
    public void Switches()
    {
        int[] x = [.. Enumerable.Range(0, Threads).Select(i => i % 10 - 1)];
        int[] y = Ints(Agreed("misc", "switches", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(4 * Threads);
            return (Parameters(result, d.Allocate<int>(x)), result, 4 * Threads);
        }));
        Assert.Equal(x.Select(v => v switch
        {
            0 => 5,
            1 => v * 7,
            2 => v << 3,
            3 => ~v,
            4 => v - 100,
            5 => v * v,
            6 =>
            9 / (v + 1),
            7 => v ^ 0x55,
            _ => -1
        }), y);
    }

    [Fact]
    public void Integers()
    {
        ulong[] x = [.. Enumerable.Range(0, Threads).Select(i => 0x9E3779B97F4A7C15ul * (ulong)(i + 1))];
        const uint divisor = 77;
        byte[] bytes = Agreed("misc", "ints", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(8 * Threads);
            return (Parameters(result, d.Allocate<ulong>(x), divisor), result, 8 * Threads);
        });
        Assert.Equal(x.Select(v => Expected(v, divisor)),
            Enumerable.Range(0, Threads).Select(i => BitConverter.ToUInt64(bytes, 8 * i)));

        static ulong Expected(ulong v, uint d)
        {
            uint low = (uint)v, high = (uint)(v >> 32);
            ulong bytes = v; // __byte_perm(low, high, 0x4261): bytes 1, 6, 2, 4 from the least
            uint permuted = (uint)((bytes >> 8 & 0xFF) | (bytes >> 48 & 0xFF) << 8 | (bytes >> 16 & 0xFF) << 16
                | (bytes >> 32 & 0xFF) << 24);
            int s = (int)(d & 31);
            uint funnel = (uint)((v << s) >> 32);
            uint sad = (uint)Math.Abs((long)(int)low - 5) + 9;
            uint vadd = 0;
            int dot = 3;
            int[] factors = [0x02, unchecked((sbyte)0xff), 0x01, 0x7f];
            for (int k = 0; k < 4; k++)
            {
                vadd |= (((low >> (8 * k)) + (0x01020304u >> (8 * k))) & 0xFF) << (8 * k);
                dot += (sbyte)(low >> (8 * k)) * factors[k];
            }
            ulong reversed = 0;
            for (int k = 0; k < 64; k++)
            {
                reversed |= (v >> k & 1) << (63 - k);
            }
            return (ulong)((UInt128)v * v >> 64) + v / d + v % d + (ulong)BitOperations.PopCount(v)
                + (ulong)BitOperations.LeadingZeroCount(v) + reversed
                + (ulong)(BitOperations.TrailingZeroCount(v) + 1) + permuted + funnel
                    + (ulong)(long)(int)((long)(int)low * 77 >> 32)
                + (uint)((ulong)low * 0x9E3779B9u >> 32) + sad + vadd + (ulong)(long)dot + (ulong)((long)v >> 5)
                    + (ulong)Math.Min((int)low, 9)
                + (ulong)Math.Abs((long)(int)low);
        }
    }

    [Fact]
    public void Warps()
    {
        int[] x = [.. Enumerable.Range(0, Threads).Select(i => i * i % 7)];
        int[] y = Ints(Agreed("misc", "warp", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(4 * Threads);
            return (Parameters(result, d.Allocate<int>(x)), result, 4 * Threads);
        }));
        int[] v = [.. Enumerable.Repeat(x.Sum(), Threads)];
        int[] Each(Func<int, int> f) => [.. Enumerable.Range(0, Threads).Select(f)];
        int[] w = v;
        v = Each(l => w[l] + w[(l & 15) >= 3 ? l - 3 : l] + w[l + 5 <= 31 ? l + 5 : l] + w[(l & ~7) + 7]);
        int ballot = v.Select((a, l) => (a & 1) << l).Aggregate((a, b) => a | b);
        int any = v.Any(a => a > 5) ? 1 : 0, all = v.All(a => a > 5) ? 1 : 0;
        w = v;
        v = Each(l => w[l] + any + all + BitOperations.PopCount((uint)ballot) + Enumerable.Range(0, 32)
            .Where(k => (w[k] & 3) == (w[l] & 3)).Sum(k => 1 << k));
        // The expression reads v for the votes before it adds to it, as NVRTC evaluates it.
        w = v;
        bool same = w.All(a => (a & 1) == (w[0] & 1));
        v = Each(l => w[l] + (same ? -1 + 1 : 0));
        w = v;
        int sum = w.Sum(), max = w.Max();
        uint xor = w.Aggregate(0u, (a, b) => a ^ (uint)b);
        v = Each(l => w[l] + sum + max + (int)xor);
        w = v;
        Assert.Equal(Each(l => w[l] - 1 + w.Count(a => a > 0) + (w.Any(a => a == 3) ? 1 : 0) + (w.All(a => a != 3) ? 1 : 0)), y);
    }

    [Fact]
    public void Locals()
    {
        int[] x = [.. Enumerable.Range(0, Threads).Select(i => 3 * i + 1)];
        const int n = 20;
        int[] y = Ints(Agreed("misc", "locals", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(4 * Threads);
            return (Parameters(result, d.Allocate<int>(x), n), result, 4 * Threads);
        }));
        int[] a = [.. Enumerable.Range(0, 32).Select(k => x[(k * n) & 31])];
        for (int k = 0; k < n; k++)
        {
            a[(a[k & 31] + k) & 31] += k;
        }
        Assert.Equal(a, y);
    }

    [Fact]
    public void Transposition()
    {
        const int n = 45;
        float[] x = [.. Enumerable.Range(0, n * n).Select(i => (float)i)];
        byte[] bytes = Agreed("misc", "transpose", new Dim3(32, 32), d =>
        {
            ulong result = d.Allocate(4 * n * n);
            return (Parameters(result, d.Allocate<float>(x), n), result, 4 * n * n);
        }, new Dim3(2, 2));
        for (int i = 0; i < n * n; i++)
        {
            Assert.Equal(x[i % n * n + i / n], BitConverter.ToSingle(bytes, 4 * i));
        }
    }

    [Fact]
    public void Mathematics()
    {
        float[] x = [.. Enumerable.Range(0, 64).Select(i => (i - 30) * 0.37f)];
        byte[] bytes = Agreed("misc", "math", new Dim3(64), d =>
        {
            ulong result = d.Allocate(4 * 64);
            return (Parameters(result, d.Allocate<float>(x), 64), result, 4 * 64);
        });
        Assert.DoesNotContain(Enumerable.Range(0, 64).Select(i => BitConverter.ToSingle(bytes, 4 * i)), float.IsNaN);
    }

    [Fact]
    public void Mathematics_in_double()
    {
        double[] x = [.. Enumerable.Range(0, Threads).Select(i => i * 0.21)];
        byte[] bytes = Agreed("misc", "math64", new Dim3(Threads), d =>
        {
            ulong result = d.Allocate(8 * Threads);
            return (Parameters(result, d.Allocate<double>(x), Threads), result, 8 * Threads);
        });
        for (int i = 0; i < Threads; i++)
        {
            double v = x[i];
            double flipped = BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(v) ^ 1);
            double expected = Math.Exp(v) + Math.Log(v + 2) + Math.Sin(v) + Math.Sqrt(v * v + 1) + v / 3
                + Math.FusedMultiplyAdd(v, 2, 1) + Math.Round(v) + (float)v + flipped;
            Assert.Equal(expected, BitConverter.ToDouble(bytes, 8 * i), 1e-12 * Math.Abs(expected));
        }
    }

    [Fact]
    public void Pipelined_copies()
    {
        float[] x = [.. Enumerable.Range(0, 2048).Select(i => (float)(i % 251))];
        const int n = 6;
        byte[] bytes = Agreed("half", "pipeline", new Dim3(64), d =>
        {
            ulong result = d.Allocate(4 * 64);
            return (Parameters(result, d.Allocate<float>(x), n), result, 4 * 64);
        });
        Assert.Equal(Enumerable.Range(0, 64).Select(i => Enumerable.Range(0, n).Sum(k => x[k * 256 + 255 - i])),
            Enumerable.Range(0, 64).Select(i => BitConverter.ToSingle(bytes, 4 * i)));
    }

    [Fact]
    public void Warp_matrices()
    {
        var random = new Random(3);
        float[] a = [.. Enumerable.Range(0, 256).Select(_ => (float)random.Next(-9, 10))],
            b = [.. Enumerable.Range(0, 256).Select(_ => (float)random.Next(-9, 10))];
        Half[] ha = [.. a.Select(v => (Half)v)], hb = [.. b.Select(v => (Half)v)];
        byte[] bytes = Agreed("half", "wmma_tiles", new Dim3(32), d =>
        {
            ulong result = d.Allocate(4 * 512), unused = d.Allocate(512);
            return (Parameters(d.Allocate<Half>(ha), d.Allocate<Half>(hb), result, unused, unused, d.Allocate<float>(a),
                d.Allocate<float>(b)), result, 4 * 512);
        });
        for (int i = 0; i < 16; i++)
        {
            for (int j = 0; j < 16; j++)
            {
                Assert.Equal(Enumerable.Range(0, 16).Sum(k => a[16 * i + k] * b[16 * j + k]),
                    BitConverter.ToSingle(bytes, 4 * (16 * i + j)));
                Assert.Equal(Enumerable.Range(0, 8).Sum(k => a[8 * i + k] * b[8 * j + k]),
                    BitConverter.ToSingle(bytes, 4 * (256 + 16 * i + j)));
            }
        }
    }
}
