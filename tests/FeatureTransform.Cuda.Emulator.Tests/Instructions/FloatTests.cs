namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>Floating-point instructions against values worked out from the PTX ISA.</summary>
public class FloatTests
{
    private const ulong NaN = 0x7FFFFFFF, One = 0x3F800000, Infinity = 0x7F800000, MinusZero = 0x80000000;

    [Theory]
    [InlineData("add.f32", 0x7F800000ul, 0xFF800000ul, 0ul, NaN)] // inf - inf
    [InlineData("add.f32", 0xFFC12345ul, One, 0ul, NaN)] // one NaN for all
    [InlineData("add.f32", 0x00000001ul, 0x00000001ul, 0ul, 0x00000002ul)]
    [InlineData("add.ftz.f32", 0x00000001ul, One, 0ul, One)]
    [InlineData("add.ftz.f32", 0x80000001ul, 0x80000001ul, 0ul, MinusZero)]
    [InlineData("add.rz.f32", One, 0x33800001ul, 0ul, One)] // 1 + (2^-24 and a bit)
    [InlineData("add.rn.f32", One, 0x33800001ul, 0ul, 0x3F800001ul)]
    [InlineData("add.rp.f32", One, 0x00000001ul, 0ul, 0x3F800001ul)]
    [InlineData("add.rm.f32", One, 0x80000001ul, 0ul, 0x3F7FFFFFul)]
    [InlineData("add.rm.f32", One, 0xBF800000ul, 0ul, MinusZero)] // 1 - 1 downward
    [InlineData("add.sat.f32", One, One, 0ul, One)]
    [InlineData("sub.sat.f32", 0ul, One, 0ul, 0ul)]
    [InlineData("mul.f32", 0x00800000ul, 0x3F000000ul, 0ul, 0x00400000ul)] // a subnormal result is kept
    [InlineData("mul.ftz.f32", 0x00800000ul, 0x3F000000ul, 0ul, 0ul)]
    [InlineData("mul.rz.f32", 0x7F7FFFFFul, 0x40000000ul, 0ul, 0x7F7FFFFFul)]
    [InlineData("mul.rn.f32", 0x7F7FFFFFul, 0x40000000ul, 0ul, Infinity)]
    [InlineData("min.f32", 0x7FC00000ul, One, 0ul, One)] // a NaN gives way
    [InlineData("min.f32", 0x7FC00000ul, 0xFFC00000ul, 0ul, NaN)]
    [InlineData("min.NaN.f32", 0x7FC00000ul, One, 0ul, NaN)]
    [InlineData("min.f32", 0ul, MinusZero, 0ul, MinusZero)] // -0 < +0
    [InlineData("max.f32", MinusZero, 0ul, 0ul, 0ul)]
    [InlineData("max.xorsign.abs.f32", 0xC0000000ul, One, 0ul, 0xC0000000ul)]
    [InlineData("copysign.f32", MinusZero, One, 0ul, 0xBF800000ul)]
    [InlineData("div.rn.f32", One, 0x40400000ul, 0ul, 0x3EAAAAABul)]
    [InlineData("div.rz.f32", One, 0x40400000ul, 0ul, 0x3EAAAAAAul)]
    [InlineData("div.rn.f32", 0ul, 0ul, 0ul, NaN)]
    [InlineData("div.full.f32", 0x40C00000ul, 0x40000000ul, 0ul, 0x40400000ul)]
    public void Two_operands(string form, ulong x, ulong y, ulong z, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 32, 32, 32, 0, (x, y, z))[0]);

    [Theory]
    [InlineData("fma.rn.f32", 0x3F800001ul, 0x3F800001ul, 0xBF800002ul, 0x28800000ul)] // (1+u)^2 - (1+2u) = u^2
    [InlineData("fma.rn.f32", 0x7F800000ul, 0ul, One, NaN)]
    [InlineData("fma.rz.f32", One, One, 0x33800001ul, One)]
    [InlineData("fma.rp.f32", One, One, 0x00000001ul, 0x3F800001ul)]
    [InlineData("fma.rm.f32", One, One, 0x80000001ul, 0x3F7FFFFFul)]
    [InlineData("fma.rn.ftz.f32", 0x00000001ul, One, 0ul, 0ul)]
    [InlineData("fma.rn.sat.f32", One, One, One, One)]
    public void Three_operands(string form, ulong x, ulong y, ulong z, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 32, 32, 32, 32, (x, y, z))[0]);

    [Theory]
    [InlineData("ex2.approx.f32", MinusZero, One)]
    [InlineData("ex2.approx.f32", 0xFF800000ul, 0ul)]
    [InlineData("ex2.approx.f32", 0x40400000ul, 0x41000000ul)] // 2^3
    [InlineData("ex2.approx.ftz.f32", 0xC3000000ul, 0ul)] // 2^-128 is subnormal
    [InlineData("ex2.approx.f32", 0xC3000000ul, 0x00200000ul)]
    [InlineData("lg2.approx.f32", 0ul, 0xFF800000ul)]
    [InlineData("lg2.approx.f32", 0xBF800000ul, NaN)]
    [InlineData("lg2.approx.f32", 0x41000000ul, 0x40400000ul)]
    [InlineData("rcp.approx.f32", MinusZero, 0xFF800000ul)]
    [InlineData("rcp.approx.ftz.f32", 0x7F000000ul, 0ul)] // 2^-127 is subnormal
    [InlineData("rcp.rn.f32", 0x40400000ul, 0x3EAAAAABul)]
    [InlineData("rsqrt.approx.f32", MinusZero, 0xFF800000ul)]
    [InlineData("rsqrt.approx.f32", 0x40800000ul, 0x3F000000ul)]
    [InlineData("sqrt.rn.f32", 0x40000000ul, 0x3FB504F3ul)]
    [InlineData("sqrt.rz.f32", 0x40400000ul, 0x3FDDB3D7ul)]
    [InlineData("sqrt.rn.f32", 0xBF800000ul, NaN)]
    [InlineData("sin.approx.f32", 0ul, 0ul)]
    [InlineData("cos.approx.f32", 0ul, One)]
    [InlineData("tanh.approx.f32", Infinity, One)]
    [InlineData("abs.f32", 0xBF800000ul, One)]
    [InlineData("neg.f32", One, 0xBF800000ul)]
    [InlineData("neg.ftz.f32", 0x00000001ul, MinusZero)]
    public void One_operand(string form, ulong x, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 32, 32, 0, 0, (x, 0, 0))[0]);

    [Theory]
    [InlineData("add.rn.f64", 0x3FF0000000000000ul, 0x3CA0000000000001ul, 0x3FF0000000000001ul)]
    [InlineData("add.rz.f64", 0x3FF0000000000000ul, 0x3CA0000000000001ul, 0x3FF0000000000000ul)]
    [InlineData("add.rp.f64", 0x3FF0000000000000ul, 0x0000000000000001ul, 0x3FF0000000000001ul)]
    [InlineData("mul.rm.f64", 0x3FF0000000000001ul, 0x3FF0000000000001ul, 0x3FF0000000000002ul)]
    [InlineData("mul.rp.f64", 0x3FF0000000000001ul, 0x3FF0000000000001ul, 0x3FF0000000000003ul)]
    [InlineData("div.rz.f64", 0x3FF0000000000000ul, 0x4008000000000000ul, 0x3FD5555555555555ul)]
    [InlineData("div.rp.f64", 0x3FF0000000000000ul, 0x4008000000000000ul, 0x3FD5555555555556ul)]
    [InlineData("min.f64", 0x7FF8000000000000ul, 0x3FF0000000000000ul, 0x3FF0000000000000ul)]
    public void Doubles(string form, ulong x, ulong y, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 64, 64, 64, 0, (x, y, 0))[0]);

    [Theory]
    [InlineData("sqrt.rp.f64", 0x4000000000000000ul, 0x3FF6A09E667F3BCDul)]
    [InlineData("sqrt.rm.f64", 0x4000000000000000ul, 0x3FF6A09E667F3BCCul)]
    public void Double_roots(string form, ulong x, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 64, 64, 0, 0, (x, 0, 0))[0]);

    [Theory]
    [InlineData("add.f16", 0x3C00ul, 0x1000ul, 0ul, 0x3C00ul)] // 1 + 2^-11: a tie to even
    [InlineData("add.f16", 0x3C01ul, 0x1000ul, 0ul, 0x3C02ul)]
    [InlineData("mul.f16", 0x7BFFul, 0x4000ul, 0ul, 0x7C00ul)]
    [InlineData("add.bf16", 0x3F80ul, 0x3B80ul, 0ul, 0x3F80ul)] // 1 + 2^-8
    [InlineData("add.bf16", 0x7F80ul, 0xFF80ul, 0ul, 0x7FFFul)]
    [InlineData("min.bf16", 0x7FC0ul, 0x3F80ul, 0ul, 0x3F80ul)]
    [InlineData("max.NaN.f16", 0x7E00ul, 0x3C00ul, 0ul, 0x7FFFul)]
    public void Halves(string form, ulong x, ulong y, ulong z, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, 16, 16, 16, 0, (x, y, z))[0]);

    [Fact]
    public void Packed_halves()
    {
        Assert.Equal(0x42004400ul, InstructionRunner.Run("fma.rn.f16x2", 32, 32, 32, 32,
            (0x3C004000, 0x40003C00, 0x3C004000))[0]);
        Assert.Equal(0x00003F80ul, InstructionRunner.Run("fma.rn.relu.bf16x2", 32, 32, 32, 32, (0xBF803F80, 0x3F803F80, 0))[0]);
        Assert.Equal(0xBF803F80ul, InstructionRunner.Run("neg.bf16x2", 32, 32, 0, 0, (0x3F80BF80, 0, 0))[0]);
    }

    [Theory]
    [InlineData("eq", false, true, false)]
    [InlineData("ne", true, false, false)]
    [InlineData("lt", true, false, false)]
    [InlineData("ge", false, true, false)]
    [InlineData("equ", false, true, true)]
    [InlineData("neu", true, false, true)]
    [InlineData("ltu", true, false, true)]
    [InlineData("leu", true, true, true)]
    [InlineData("gtu", false, false, true)]
    [InlineData("geu", false, true, true)]
    [InlineData("num", true, true, false)]
    [InlineData("nan", false, false, true)]
    public void Comparisons_know_nan(string comparison, bool oneTwo, bool oneOne, bool nan)
    {
        (ulong, ulong, ulong)[] single = [(One, 0x40000000, 0), (One, One, 0), (0x7FC00000, One, 0)];
        ulong[] expected = [oneTwo ? 1ul : 0, oneOne ? 1ul : 0, nan ? 1ul : 0];
        Assert.Equal(expected, InstructionRunner.RunBody($"setp.{comparison}.f32 %p1, %a32, %b32; selp.u32 %d32, 1, 0, %p1;", 32,
            32, 32, 0, single));
        (ulong, ulong, ulong)[] wide = [(0x3FF0000000000000, 0x4000000000000000, 0), (0x3FF0000000000000, 0x3FF0000000000000, 0),
            (0x7FF8000000000000, 0x3FF0000000000000, 0)];
        Assert.Equal(expected, InstructionRunner.RunBody($"setp.{comparison}.f64 %p1, %a64, %b64; selp.u32 %d32, 1, 0, %p1;", 32,
            64, 64, 0, wide));
        (ulong, ulong, ulong)[] half = [(0x3C00, 0x4000, 0), (0x3C00, 0x3C00, 0), (0x7E00, 0x3C00, 0)];
        Assert.Equal(expected, InstructionRunner.RunBody($"setp.{comparison}.f16 %p1, %a16, %b16; selp.u32 %d32, 1, 0, %p1;", 32,
            16, 16, 0, half));
    }

    [Fact]
    public void A_comparison_writes_its_complement_and_combines()
    {
        const string body =
            "setp.lt.u32 %p3, %a32, 5; setp.lt.and.u32 %p1|%p2, %a32, %b32, !%p3; selp.u32 %d32, 1, 0, %p1; selp.u32 %e32, "
            + "2, 0, %p2; add.u32 %d32, %d32, %e32;";
        Assert.Equal([1ul, 2ul, 0ul], InstructionRunner.RunBody(body, 32, 32, 32, 0, (6, 7, 0), (8, 7, 0), (1, 7, 0)));
    }
}
