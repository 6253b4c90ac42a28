using System.Numerics;
using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests.Matrices;

/// <summary>
/// mma against its definition in exact integers: c and the products of a block aligned to the largest exponent, cut off toward
/// zero at F fraction bits, added, and the sum cut off to fp32.
/// </summary>
public class MatrixModelTests
{
    private sealed record Kind(string Name, int K, int BitsOfElement, int FractionBits, int Bias, int LeastExponent);

    private static readonly Dictionary<string, Kind> Kinds = new()
    {
        ["bf16"] = new("bf16", 16, 16, 7, 127, -126),
        ["f16"] = new("f16", 16, 16, 10, 15, -14),
        ["tf32"] = new("tf32", 8, 32, 10, 127, -126),
    };

    [Theory]
    [InlineData("bf16", true, "random")]
    [InlineData("bf16", false, "random")]
    [InlineData("bf16", true, "spread")]
    [InlineData("bf16", false, "spread")]
    [InlineData("bf16", true, "cancel")]
    [InlineData("bf16", false, "cancel")]
    [InlineData("bf16", false, "bits")]
    [InlineData("bf16", true, "bits")]
    [InlineData("f16", true, "random")]
    [InlineData("f16", false, "spread")]
    [InlineData("f16", false, "bits")]
    [InlineData("tf32", true, "random")]
    [InlineData("tf32", false, "spread")]
    [InlineData("tf32", true, "bits")]
    public void Equals_its_definition_bit_by_bit(string type, bool ampere, string operands)
    {
        Kind kind = Kinds[type];
        DeviceProfile profile = ampere ? DeviceProfile.A100 : DeviceProfile.H100;
        int fraction = ampere ? 24 : 25, block = (ampere ? 16 : 32) / (kind.BitsOfElement / 8);
        const int count = 100;
        var random = new Random(operands.Length * 31 + type.Length);
        int k = kind.K, perRegister = 32 / kind.BitsOfElement, aWords = 16 * k / perRegister, bWords = 8 * k / perRegister;
        // Matrices in their natural order: a is 16 x k, b is k x 8, c is 16 x 8.
        uint[] a = new uint[count * 16 * k], b = new uint[count * k * 8], c = new uint[count * 128];
        for (int i = 0; i < a.Length; i++)
        {
            a[i] = Operand(kind, random, operands);
        }
        for (int i = 0; i < b.Length; i++)
        {
            b[i] = Operand(kind, random, operands);
        }
        for (int i = 0; i < c.Length; i++)
        {
            c[i] = operands switch
            {
                "bits" => (uint)random.NextInt64(1L << 32),
                "spread" => Single(random, random.Next(-60, 60)),
                _ => Single(random, random.Next(-6, 6)),
            };
        }
        if (operands == "cancel")
        {
            for (int i = 0; i + 1 < a.Length; i += 2)
            {
                a[i + 1] = a[i] ^ 1u << (kind.BitsOfElement - 1);
            }
        }
        uint[] result = Run(kind, profile, count, a, b, c);
        for (int n = 0; n < count; n++)
        {
            for (int row = 0; row < 16; row++)
            {
                for (int column = 0; column < 8; column++)
                {
                    uint expected = c[n * 128 + row * 8 + column];
                    for (int start = 0; start < k; start += block)
                    {
                        expected = Define(kind, fraction, Math.Min(block, k - start), start,
                            i => a[n * 16 * k + row * k + i], i => b[n * k * 8 + i * 8 + column], expected);
                    }
                    uint got = result[n * 128 + row * 8 + column];
                    Assert.True(expected == got,
                        $"{type} {operands} {profile.Name}, case {n} ({row}, {column}): expected {expected:x8}, got {got:x8}");
                }
            }
        }
        Assert.Equal(aWords / 32 + bWords / 32, kind.K == 16 || type == "tf32" ? 6 : 0);
    }

    private static uint Single(Random random, int exponent) =>
        BitConverter.SingleToUInt32Bits((float)((random.Next(2) * 2 - 1) * (1 + random.NextDouble()) * Math.Pow(2, exponent)));

    private static uint Operand(Kind kind, Random random, string operands)
    {
        uint bits = operands switch
        {
            "bits" => (uint)random.NextInt64(1L << 32),
            "spread" => Encode(kind, random, random.Next(-14, 15)),
            _ => Encode(kind, random, random.Next(-3, 4)),
        };
        return kind.BitsOfElement == 16 ? bits & 0xFFFF : bits;
    }

    private static uint Encode(Kind kind, Random random, int exponent)
    {
        uint sign = (uint)random.Next(2), field = (uint)(exponent + kind.Bias),
            mantissa = (uint)random.Next(1 << kind.FractionBits);
        int exponentBits = kind.Name == "f16" ? 5 : 8;
        uint bits = (sign << exponentBits | field) << kind.FractionBits | mantissa;
        return random.Next(20) == 0 ? sign << (kind.BitsOfElement - 1) : kind.Name == "tf32"
            ? bits << 13 | (uint)random.Next(1 << 13) : bits;
    }

    private static (BigInteger Mantissa, int Exponent, bool Infinite, bool NaN) Decode(Kind kind, uint bits)
    {
        if (kind.Name == "tf32")
        {
            bits >>= 13; // the low bits of the word are not looked at
        }
        int exponentBits = kind.Name == "f16" ? 5 : 8;
        int field = (int)(bits >> kind.FractionBits) & ((1 << exponentBits) - 1),
            fraction = (int)bits & ((1 << kind.FractionBits) - 1);
        bool negative = (bits >> (kind.FractionBits + exponentBits) & 1) != 0, top = field == (1 << exponentBits) - 1;
        BigInteger m = fraction + (field > 0 ? 1 << kind.FractionBits : 0);
        return (negative ? -m : m, Math.Max(field, 1) - kind.Bias, top && fraction == 0, top && fraction != 0);
    }

    private static uint Define(Kind kind, int fraction, int count, int start, Func<int, uint> a, Func<int, uint> b, uint c)
    {
        var single = new Kind("f32", 0, 32, 23, 127, -126);
        (BigInteger mc, int ec, bool cInfinite, bool cNaN) = Decode(single, c);
        var addends = new List<(BigInteger Mantissa, int Exponent, int Bits)> { (mc, ec, 23) };
        int largest = ec;
        bool nan = cNaN, plus = cInfinite && mc.Sign > 0, minus = cInfinite && mc.Sign < 0;
        for (int i = start; i < start + count; i++)
        {
            (BigInteger ma, int ea, bool aInfinite, bool aNaN) = Decode(kind, a(i));
            (BigInteger mb, int eb, bool bInfinite, bool bNaN) = Decode(kind, b(i));
            nan |= aNaN || bNaN || aInfinite && mb.IsZero || bInfinite && ma.IsZero;
            if (aInfinite || bInfinite)
            {
                plus |= ma.Sign * mb.Sign > 0;
                minus |= ma.Sign * mb.Sign < 0;
            }
            if (!ma.IsZero && !mb.IsZero)
            {
                addends.Add((ma * mb, ea + eb, 2 * kind.FractionBits));
                largest = Math.Max(largest, ea + eb);
            }
        }
        if (nan || plus && minus)
        {
            return 0x7FFFFFFF;
        }
        if (plus || minus)
        {
            return plus ? 0x7F800000 : 0xFF800000;
        }
        BigInteger sum = 0;
        foreach ((BigInteger mantissa, int exponent, int bits) in addends)
        {
            int shift = fraction - bits - (largest - exponent);
            BigInteger magnitude = BigInteger.Abs(mantissa);
            magnitude = shift >= 0 ? magnitude << shift : magnitude >> -shift;
            sum += mantissa.Sign < 0 ? -magnitude : magnitude;
        }
        return Cut(sum, largest - fraction);
    }

    private static uint Cut(BigInteger value, int exponent)
    {
        if (value.IsZero)
        {
            return 0;
        }
        uint sign = value.Sign < 0 ? 0x80000000u : 0;
        BigInteger magnitude = BigInteger.Abs(value);
        int top = (int)magnitude.GetBitLength() - 1 + exponent, last = Math.Max(top, -126) - 23;
        int shift = last - exponent;
        magnitude = shift >= 0 ? magnitude >> shift : magnitude << -shift;
        if (top > 127)
        {
            return sign | 0x7F800000;
        }
        uint bits = (uint)magnitude;
        return sign | (top < -126 ? bits : (uint)(top + 127) << 23 | bits & 0x7FFFFF);
    }

    // One warp a case; operands go to the lanes by the fragment tables of the PTX ISA.
    private static uint[] Run(Kind kind, DeviceProfile profile, int count, uint[] a, uint[] b, uint[] c)
    {
        int k = kind.K;
        string shape = $"m16n8k{k}";
        var text = new StringBuilder($$"""
            .version 8.4
            .target sm_80
            .address_size 64
            .visible .entry test(.param .u64 in_, .param .u64 out_)
            {
              .reg .b32 %r<32>; .reg .f32 %f<8>; .reg .b64 %rd<8>;
              ld.param.u64 %rd1, [in_]; ld.param.u64 %rd2, [out_];
              mov.u32 %r20, %tid.x; mov.u32 %r21, %ctaid.x; mad.lo.u32 %r20, %r21, 32, %r20;
              mad.wide.u32 %rd3, %r20, 40, %rd1; mad.wide.u32 %rd4, %r20, 16, %rd2;

            """);
        for (int i = 0; i < 6; i++)
        {
            text.AppendLine($"  ld.global.u32 %r{i}, [%rd3+{4 * i}];");
        }
        for (int i = 0; i < 4; i++)
        {
            text.AppendLine($"  ld.global.f32 %f{i}, [%rd3+{24 + 4 * i}];");
        }
        text.AppendLine(
            $"  mma.sync.aligned.{shape}.row.col.f32.{kind.Name}.{kind.Name}.f32 {{%f4,%f5,%f6,%f7}}, {{%r0,%r1,%r2,%r3}}, "
            + $"{{%r4,%r5}}, {{%f0,%f1,%f2,%f3}};");
        for (int i = 0; i < 4; i++)
        {
            text.AppendLine($"  st.global.f32 [%rd4+{4 * i}], %f{4 + i};");
        }
        text.AppendLine("  ret;\n}");
        uint[] input = new uint[count * 32 * 10];
        for (int n = 0; n < count; n++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                int g = lane >> 2, t = lane & 3;
                for (int r = 0; r < 4; r++)
                {
                    int row = g + (r & 1) * 8;
                    uint A(int column) => a[n * 16 * k + row * k + column];
                    input[(n * 32 + lane) * 10 + r] = kind.BitsOfElement == 32 ? A(t + (r >> 1) * 4)
                        : A(2 * t + (r >> 1) * 8) | A(2 * t + 1 + (r >> 1) * 8) << 16;
                    input[(n * 32 + lane) * 10 + 6 + r] = c[n * 128 + (g + (r >> 1) * 8) * 8 + 2 * t + (r & 1)];
                }
                for (int r = 0; r < 2; r++)
                {
                    uint B(int row) => b[n * k * 8 + row * 8 + g];
                    input[(n * 32 + lane) * 10 + 4 + r] = kind.BitsOfElement == 32 ? B(t + r * 4)
                        : B(2 * t + r * 8) | B(2 * t + 1 + r * 8) << 16;
                }
            }
        }
        using var device = new PtxRunner(new EmulatorOptions { Device = profile });
        ulong output = device.Allocate(count * 32 * 16);
        byte[] parameters = [.. BitConverter.GetBytes(device.Allocate<uint>(input)), .. BitConverter.GetBytes(output)];
        device.Launch(device.Load(text.ToString()), "test", new Dim3((uint)count), new Dim3(32), parameters).ThrowIfUnclean();
        uint[] raw = device.Read<uint>(output, count * 128), result = new uint[count * 128];
        for (int n = 0; n < count; n++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                for (int r = 0; r < 4; r++)
                {
                    result[n * 128 + ((lane >> 2) + (r >> 1) * 8) * 8 + 2 * (lane & 3) + (r & 1)] = raw[(n * 32 + lane) * 4 + r];
                }
            }
        }
        return result;
    }
}
