namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>cvt: all halves there are, and the rules for rounding, range and NaN.</summary>
public class ConversionTests
{
    private static (ulong, ulong, ulong)[] AllHalves => [.. Enumerable.Range(0, 65536).Select(i => ((ulong)i, 0ul, 0ul))];

    [Fact]
    public void Every_half_becomes_a_single()
    {
        ulong[] results = InstructionRunner.Run("cvt.f32.f16", 32, 16, 0, 0, AllHalves);
        for (int i = 0; i < 65536; i++)
        {
            float value = (float)BitConverter.UInt16BitsToHalf((ushort)i);
            Assert.Equal(float.IsNaN(value) ? 0x7FFFFFFFu : BitConverter.SingleToUInt32Bits(value), (uint)results[i]);
        }
    }

    [Fact]
    public void Every_bfloat_becomes_a_single_and_comes_back()
    {
        ulong[] results = InstructionRunner.Run("cvt.f32.bf16", 32, 16, 0, 0, AllHalves);
        ulong[] back = InstructionRunner.Run("cvt.rn.bf16.f32", 16, 32, 0, 0, [.. results.Select(r => (r, 0ul, 0ul))]);
        for (int i = 0; i < 65536; i++)
        {
            bool nan = (i & 0x7F80) == 0x7F80 && (i & 0x7F) != 0;
            Assert.Equal(nan ? 0x7FFFFFFFul : (ulong)i << 16, results[i]);
            Assert.Equal(nan ? 0x7FFFul : (ulong)i, back[i]);
        }
    }

    // Each bfloat's upper neighbours: just below, at and just above the middle to the next.
    [Theory]
    [InlineData(0x7FFFu)]
    [InlineData(0x8000u)]
    [InlineData(0x8001u)]
    public void Singles_round_to_the_nearest_bfloat(uint low)
    {
        ulong[] input = [.. Enumerable.Range(0, 65536).Select(i => (ulong)i << 16 | low)];
        ulong[] scalar = InstructionRunner.Run("cvt.rn.relu.bf16.f32", 16, 32, 0, 0, [.. input.Select(x => (x, 0ul, 0ul))]);
        ulong[] vector = InstructionRunner.Run("cvt.rn.bf16x2.f32", 32, 32, 32, 0,
            [.. input.Select(x => (x, 0x3F800000ul, 0ul))]);
        for (int i = 0; i < 65536; i++)
        {
            bool nan = (i & 0x7F80) == 0x7F80;
            ulong up = low > 0x8000 || low == 0x8000 && (i & 1) != 0 ? (ulong)i + 1 : (ulong)i;
            Assert.Equal(nan ? 0x7FFF3F80ul : up << 16 | 0x3F80, vector[i]);
            Assert.Equal(nan ? 0x7FFFul : i >= 0x8000 ? 0 : up, scalar[i]);
        }
    }

    [Fact]
    public void Singles_round_to_the_nearest_half()
    {
        var random = new Random(11);
        uint[] input = [.. Enumerable.Range(0, 20000).Select(_ => (uint)random.NextInt64(1L << 32))
            .Concat(Enumerable.Range(0, 20000).Select(_ => BitConverter.SingleToUInt32Bits(
                (float)((random.NextDouble() - 0.5) * Math.Pow(2, random.Next(-30, 18))))))];
        ulong[] results = InstructionRunner.Run("cvt.rn.f16.f32", 16, 32, 0, 0, [.. input.Select(x => ((ulong)x, 0ul, 0ul))]);
        for (int i = 0; i < input.Length; i++)
        {
            float value = BitConverter.UInt32BitsToSingle(input[i]);
            Assert.Equal(float.IsNaN(value) ? (ushort)0x7FFF : BitConverter.HalfToUInt16Bits((Half)value), (ushort)results[i]);
        }
    }

    [Theory]
    [InlineData("cvt.rna.tf32.f32", 32, 32, 0x3F801000ul, 0x3F802000ul)] // a tie goes away from zero
    [InlineData("cvt.rna.tf32.f32", 32, 32, 0x3F800FFFul, 0x3F800000ul)]
    [InlineData("cvt.rna.tf32.f32", 32, 32, 0xBF801000ul, 0xBF802000ul)]
    [InlineData("cvt.rn.tf32.f32", 32, 32, 0x3F801000ul, 0x3F800000ul)]
    [InlineData("cvt.rzi.s32.f32", 32, 32, 0x7FC00000ul, 0ul)]
    [InlineData("cvt.rzi.s32.f32", 32, 32, 0x4F000000ul, 0x7FFFFFFFul)] // 2^31
    [InlineData("cvt.rzi.s32.f32", 32, 32, 0xCF800000ul, 0x80000000ul)]
    [InlineData("cvt.rzi.u32.f32", 32, 32, 0xBF800000ul, 0ul)]
    [InlineData("cvt.rzi.u32.f32", 32, 32, 0x4F800000ul, 0xFFFFFFFFul)]
    [InlineData("cvt.rni.s32.f32", 32, 32, 0x40200000ul, 2ul)] // 2.5 to even
    [InlineData("cvt.rni.s32.f32", 32, 32, 0x40600000ul, 4ul)] // 3.5 to even
    [InlineData("cvt.rmi.s32.f32", 32, 32, 0xBFC00000ul, 0xFFFFFFFEul)]
    [InlineData("cvt.rpi.s32.f32", 32, 32, 0xBFC00000ul, 0xFFFFFFFFul)]
    [InlineData("cvt.rni.f32.f32", 32, 32, 0x40200000ul, 0x40000000ul)]
    [InlineData("cvt.rmi.f32.f32", 32, 32, 0xBFC00000ul, 0xC0000000ul)]
    [InlineData("cvt.sat.f32.f32", 32, 32, 0x7FC00000ul, 0ul)]
    [InlineData("cvt.sat.f32.f32", 32, 32, 0x40000000ul, 0x3F800000ul)]
    [InlineData("cvt.rn.f32.s32", 32, 32, 0x7FFFFFFFul, 0x4F000000ul)]
    [InlineData("cvt.rz.f32.s32", 32, 32, 0x7FFFFFFFul, 0x4EFFFFFFul)]
    [InlineData("cvt.rp.f32.u32", 32, 32, 0x01000001ul, 0x4B800001ul)]
    [InlineData("cvt.rn.f32.u64", 32, 64, 0xFFFFFFFFFFFFFFFFul, 0x5F800000ul)]
    [InlineData("cvt.rn.f32.s64", 32, 64, 0x8000000000000000ul, 0xDF000000ul)]
    [InlineData("cvt.rn.f64.u64", 64, 64, 0xFFFFFFFFFFFFFFFFul, 0x43F0000000000000ul)]
    [InlineData("cvt.rz.f64.u64", 64, 64, 0xFFFFFFFFFFFFFFFFul, 0x43EFFFFFFFFFFFFFul)]
    [InlineData("cvt.rn.f32.f64", 32, 64, 0x3FF0000010000000ul, 0x3F800000ul)] // 1 + 2^-24
    [InlineData("cvt.rp.f32.f64", 32, 64, 0x3FF0000000000001ul, 0x3F800001ul)]
    [InlineData("cvt.rn.f32.f64", 32, 64, 0x36A0000000000000ul, 0x00000001ul)] // 2^-149
    [InlineData("cvt.rn.ftz.f32.f64", 32, 64, 0x36A0000000000000ul, 0ul)]
    [InlineData("cvt.rzi.s64.f64", 64, 64, 0x7FF8000000000000ul, 0x8000000000000000ul)]
    [InlineData("cvt.s64.s32", 64, 32, 0x80000000ul, 0xFFFFFFFF80000000ul)]
    [InlineData("cvt.u64.u32", 64, 32, 0x80000000ul, 0x80000000ul)]
    [InlineData("cvt.u32.u64", 32, 64, 0x1234567890ul, 0x34567890ul)]
    [InlineData("cvt.s32.s8", 32, 32, 0x1F0ul, 0xFFFFFFF0ul)]
    [InlineData("cvt.u32.u8", 32, 32, 0x1F0ul, 0xF0ul)]
    [InlineData("cvt.s8.s32", 32, 32, 0x0F0ul, 0xFFFFFFF0ul)]
    [InlineData("cvt.sat.u8.s32", 32, 32, 0x1F0ul, 0xFFul)]
    [InlineData("cvt.sat.s8.s32", 32, 32, 0xFFFFFF00ul, 0xFFFFFF80ul)]
    [InlineData("cvt.u16.u32", 16, 32, 0x12345ul, 0x2345ul)]
    [InlineData("cvt.rn.f16.s32", 16, 32, 2049ul, 0x6800ul)]
    [InlineData("cvt.rzi.u16.f16", 16, 16, 0xBC00ul, 0ul)]
    public void Follows_its_rule(string form, int d, int a, ulong x, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, d, a, 0, 0, (x, 0, 0))[0]);

    [Fact]
    public void Packs_the_first_operand_into_the_upper_half()
    {
        Assert.Equal(0x40003C00ul, InstructionRunner.Run("cvt.rn.f16x2.f32", 32, 32, 32, 0, (0x40000000, 0x3F800000, 0))[0]);
        Assert.Equal(0x3800ul, InstructionRunner.Run("cvt.rn.satfinite.e4m3x2.f32", 16, 32, 32, 0,
            (0x3F800000, 0, 0))[0]); // 1.0 is 0x38
        Assert.Equal(0x7EFEul, InstructionRunner.Run("cvt.rn.satfinite.e4m3x2.f32", 16, 32, 32, 0,
            (0x47000000, 0xC7000000, 0))[0]);
        Assert.Equal(0x3C00BC00ul, InstructionRunner.Run("cvt.rn.f16x2.e4m3x2", 32, 16, 0, 0, (0x38B8, 0, 0))[0]);
    }
}
