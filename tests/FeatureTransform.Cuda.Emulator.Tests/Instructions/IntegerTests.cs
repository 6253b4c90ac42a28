namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>Integer instructions against values worked out from the PTX ISA.</summary>
public class IntegerTests
{
    // form, widths of d a b c, a, b, c, expected
    [Theory]
    [InlineData("add.s32", 32, 32, 32, 0, 0x7FFFFFFFul, 1ul, 0ul, 0x80000000ul)]
    [InlineData("add.sat.s32", 32, 32, 32, 0, 0x7FFFFFFFul, 1ul, 0ul, 0x7FFFFFFFul)]
    [InlineData("sub.sat.s32", 32, 32, 32, 0, 0x80000000ul, 1ul, 0ul, 0x80000000ul)]
    [InlineData("add.u16", 16, 16, 16, 0, 0xFFFFul, 2ul, 0ul, 1ul)]
    [InlineData("sub.u16", 16, 16, 16, 0, 1ul, 2ul, 0ul, 0xFFFFul)]
    [InlineData("add.u64", 64, 64, 64, 0, 0xFFFFFFFFFFFFFFFFul, 2ul, 0ul, 1ul)]
    [InlineData("mul.lo.u32", 32, 32, 32, 0, 0x10001ul, 0x10001ul, 0ul, 0x20001ul)]
    [InlineData("mul.hi.u32", 32, 32, 32, 0, 0xFFFFFFFFul, 0xFFFFFFFFul, 0ul, 0xFFFFFFFEul)]
    [InlineData("mul.hi.s32", 32, 32, 32, 0, 0xFFFFFFFFul, 2ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("mul.wide.s32", 64, 32, 32, 0, 0xFFFFFFFFul, 3ul, 0ul, 0xFFFFFFFFFFFFFFFDul)]
    [InlineData("mul.wide.u32", 64, 32, 32, 0, 0xFFFFFFFFul, 3ul, 0ul, 0x2FFFFFFFDul)]
    [InlineData("mul.wide.s16", 32, 16, 16, 0, 0xFFFFul, 3ul, 0ul, 0xFFFFFFFDul)]
    [InlineData("mul.hi.u16", 16, 16, 16, 0, 0xFFFFul, 0xFFFFul, 0ul, 0xFFFEul)]
    [InlineData("mul.hi.u64", 64, 64, 64, 0, 0xFFFFFFFFFFFFFFFFul, 0xFFFFFFFFFFFFFFFFul, 0ul, 0xFFFFFFFFFFFFFFFEul)]
    [InlineData("mul.hi.s64", 64, 64, 64, 0, 0xFFFFFFFFFFFFFFFFul, 5ul, 0ul, 0xFFFFFFFFFFFFFFFFul)]
    [InlineData("mad.lo.s32", 32, 32, 32, 32, 7ul, 0xFFFFFFFFul, 10ul, 3ul)]
    [InlineData("mad.wide.s32", 64, 32, 32, 64, 0xFFFFFFFFul, 4ul, 2ul, 0xFFFFFFFFFFFFFFFEul)]
    [InlineData("mad.hi.s32", 32, 32, 32, 32, 0x40000000ul, 8ul, 1ul, 3ul)]
    [InlineData("mad.hi.sat.s32", 32, 32, 32, 32, 0x7FFFFFFFul, 0x7FFFFFFFul, 0x7FFFFFFFul, 0x7FFFFFFFul)]
    [InlineData("mul24.lo.s32", 32, 32, 32, 0, 0x00FFFFFFul, 2ul, 0ul, 0xFFFFFFFEul)]
    [InlineData("mul24.hi.u32", 32, 32, 32, 0, 0x00FFFFFFul, 0x00FFFFFFul, 0ul, 0xFFFFFE00ul)]
    [InlineData("sad.s32", 32, 32, 32, 32, 0xFFFFFFFFul, 4ul, 10ul, 15ul)]
    [InlineData("sad.u32", 32, 32, 32, 32, 3ul, 5ul, 1ul, 3ul)]
    [InlineData("div.s32", 32, 32, 32, 0, 0xFFFFFFF9ul, 2ul, 0ul, 0xFFFFFFFDul)]
    [InlineData("rem.s32", 32, 32, 32, 0, 0xFFFFFFF9ul, 2ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("div.u64", 64, 64, 64, 0, 0xFFFFFFFFFFFFFFFFul, 10ul, 0ul, 0x1999999999999999ul)]
    [InlineData("abs.s32", 32, 32, 0, 0, 0x80000000ul, 0ul, 0ul, 0x80000000ul)]
    [InlineData("abs.s16", 16, 16, 0, 0, 0xFFFEul, 0ul, 0ul, 2ul)]
    [InlineData("neg.s64", 64, 64, 0, 0, 1ul, 0ul, 0ul, 0xFFFFFFFFFFFFFFFFul)]
    [InlineData("min.s32", 32, 32, 32, 0, 0xFFFFFFFFul, 1ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("min.u32", 32, 32, 32, 0, 0xFFFFFFFFul, 1ul, 0ul, 1ul)]
    [InlineData("max.s64", 64, 64, 64, 0, 0xFFFFFFFFFFFFFFFFul, 1ul, 0ul, 1ul)]
    [InlineData("max.s16x2", 32, 32, 32, 0, 0x0001FFFFul, 0xFFFF0002ul, 0ul, 0x00010002ul)]
    [InlineData("dp4a.s32.s32", 32, 32, 32, 32, 0xFF02FF01ul, 0x01020304ul, 5ul, 9ul)]
    [InlineData("dp4a.u32.u32", 32, 32, 32, 32, 0x01010101ul, 0xFF020304ul, 0ul, 264ul)]
    [InlineData("dp2a.lo.s32.s32", 32, 32, 32, 32, 0xFFFF0002ul, 0x04030201ul, 1ul, 1ul)]
    [InlineData("popc.b64", 32, 64, 0, 0, 0xF0F0F0F0F0F0F0F0ul, 0ul, 0ul, 32ul)]
    [InlineData("clz.b32", 32, 32, 0, 0, 0ul, 0ul, 0ul, 32ul)]
    [InlineData("clz.b64", 32, 64, 0, 0, 1ul, 0ul, 0ul, 63ul)]
    [InlineData("brev.b32", 32, 32, 0, 0, 0x00000013ul, 0ul, 0ul, 0xC8000000ul)]
    [InlineData("bfind.u32", 32, 32, 0, 0, 0x00010000ul, 0ul, 0ul, 16ul)]
    [InlineData("bfind.s32", 32, 32, 0, 0, 0xFFFFFFFEul, 0ul, 0ul, 0ul)]
    [InlineData("bfind.s32", 32, 32, 0, 0, 0xFFFFFFFFul, 0ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("bfind.shiftamt.u32", 32, 32, 0, 0, 0x00010000ul, 0ul, 0ul, 15ul)]
    [InlineData("bfe.u32", 32, 32, 32, 32, 0x12345678ul, 8ul, 8ul, 0x56ul)]
    [InlineData("bfe.s32", 32, 32, 32, 32, 0x12348678ul, 8ul, 8ul, 0xFFFFFF86ul)]
    [InlineData("bfe.s32", 32, 32, 32, 32, 0x80000000ul, 28ul, 8ul, 0xFFFFFFF8ul)]
    [InlineData("bfe.u32", 32, 32, 32, 32, 0xFFFFFFFFul, 4ul, 0ul, 0ul)]
    [InlineData("bfe.u32", 32, 32, 32, 32, 0xFFFFFFFFul, 40ul, 8ul, 0ul)]
    [InlineData("shl.b32", 32, 32, 32, 0, 1ul, 31ul, 0ul, 0x80000000ul)]
    [InlineData("shl.b32", 32, 32, 32, 0, 1ul, 32ul, 0ul, 0ul)]
    [InlineData("shl.b64", 64, 64, 32, 0, 1ul, 64ul, 0ul, 0ul)]
    [InlineData("shl.b16", 16, 16, 32, 0, 0xFFFFul, 4ul, 0ul, 0xFFF0ul)]
    [InlineData("shr.u32", 32, 32, 32, 0, 0x80000000ul, 40ul, 0ul, 0ul)]
    [InlineData("shr.s32", 32, 32, 32, 0, 0x80000000ul, 40ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("shr.s64", 64, 64, 32, 0, 0x8000000000000000ul, 63ul, 0ul, 0xFFFFFFFFFFFFFFFFul)]
    [InlineData("shf.l.wrap.b32", 32, 32, 32, 32, 0x80000001ul, 0x00000002ul, 33ul, 0x00000005ul)]
    [InlineData("shf.l.clamp.b32", 32, 32, 32, 32, 0x12345678ul, 0x9ABCDEF0ul, 33ul, 0x12345678ul)]
    [InlineData("shf.r.wrap.b32", 32, 32, 32, 32, 0x12345678ul, 0x9ABCDEF0ul, 8ul, 0xF0123456ul)]
    [InlineData("shf.r.clamp.b32", 32, 32, 32, 32, 0x12345678ul, 0x9ABCDEF0ul, 99ul, 0x9ABCDEF0ul)]
    [InlineData("prmt.b32", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 0x7531ul, 0x77553311ul)]
    [InlineData("prmt.b32", 32, 32, 32, 32, 0x00800000ul, 0ul, 0xAAAAul, 0xFFFFFFFFul)]
    [InlineData("prmt.b32.f4e", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 2ul, 0x55443322ul)]
    [InlineData("prmt.b32.b4e", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 1ul, 0x66770011ul)]
    [InlineData("prmt.b32.rc8", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 2ul, 0x22222222ul)]
    [InlineData("prmt.b32.ecl", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 1ul, 0x33221111ul)]
    [InlineData("prmt.b32.ecr", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 2ul, 0x22221100ul)]
    [InlineData("prmt.b32.rc16", 32, 32, 32, 32, 0x33221100ul, 0x77665544ul, 1ul, 0x33223322ul)]
    [InlineData("szext.clamp.s32", 32, 32, 32, 0, 0x000000FFul, 8ul, 0ul, 0xFFFFFFFFul)]
    [InlineData("bmsk.clamp.b32", 32, 32, 32, 0, 4ul, 8ul, 0ul, 0x00000FF0ul)]
    [InlineData("not.b16", 16, 16, 0, 0, 0x00FFul, 0ul, 0ul, 0xFF00ul)]
    [InlineData("cnot.b32", 32, 32, 0, 0, 0ul, 0ul, 0ul, 1ul)]
    [InlineData("vabsdiff4.u32.u32.u32", 32, 32, 32, 32, 0x01FF0305ul, 0x0200FF01ul, 0ul, 0x01FFFC04ul)]
    [InlineData("vabsdiff4.u32.u32.u32.add", 32, 32, 32, 32, 0x01FF0305ul, 0x0200FF01ul, 2ul, 514ul)]
    public void Is_as_the_isa_says(string form, int d, int a, int b, int c, ulong x, ulong y, ulong z, ulong expected) =>
        Assert.Equal(expected, InstructionRunner.Run(form, d, a, b, c, (x, y, z))[0]);

    [Fact]
    public void Bit_field_insertion_stops_at_the_end_of_the_word()
    {
        Assert.Equal(0x1234AB78ul, InstructionRunner.RunBody("bfi.b32 %d32, %a32, %b32, 8, 8;", 32, 32, 32, 0,
            (0xAB, 0x12345678, 0))[0]);
        Assert.Equal(0xF2345678ul, InstructionRunner.RunBody("bfi.b32 %d32, %a32, %b32, 28, 8;", 32, 32, 32, 0,
            (0xFF, 0x12345678, 0))[0]);
        Assert.Equal(0x12345678ul, InstructionRunner.RunBody("bfi.b32 %d32, %a32, %b32, 4, 0;", 32, 32, 32, 0,
            (0xFF, 0x12345678, 0))[0]);
    }

    [Fact]
    public void Carries_go_through_the_flag()
    {
        const string body = "add.cc.u32 %d32, %a32, %b32; addc.cc.u32 %e32, %a32, %b32; addc.u32 %d32, 0, 0;";
        Assert.Equal([1ul, 0ul], InstructionRunner.RunBody(body, 32, 32, 32, 0, (0xFFFFFFFF, 1, 0), (1, 1, 0)));
        const string borrow = "sub.cc.u32 %e32, %a32, %b32; subc.u32 %d32, 10, 0;";
        Assert.Equal([9ul, 10ul], InstructionRunner.RunBody(borrow, 32, 32, 32, 0, (1, 2, 0), (2, 1, 0)));
        const string product = "mad.lo.cc.u32 %e32, %a32, %b32, %c32; madc.hi.u32 %d32, %a32, %b32, 0;";
        Assert.Equal([0xFFFFFFFFul], InstructionRunner.RunBody(product, 32, 32, 32, 32, (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF)));
    }

    [Fact]
    public void Lop3_is_its_table()
    {
        for (int table = 0; table < 256; table += 5)
        {
            ulong result = InstructionRunner.RunBody($"lop3.b32 %d32, %a32, %b32, %c32, {table};", 32, 32, 32, 32,
                (0xF0F0F0F0, 0xCCCCCCCC, 0xAAAAAAAA))[0];
            Assert.Equal((ulong)table * 0x01010101, result);
        }
    }

    [Theory]
    [InlineData("frob.b32 %r1, %r2;", "frob", "not known")]
    [InlineData("add.frob.s32 %r1, %r2, %r3;", "frob", "it takes")]
    [InlineData("add.s32 %r1, %r2, %frob;", "%frob", "special register")]
    [InlineData("add.s32 %r1, %r2;", "3 operands", "not 2")]
    [InlineData("add.s32 %r1, %rd2, %r3;", "%rd2", "does not fit")]
    [InlineData("tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%r1];", "tex", "not emulated")]
    [InlineData("wgmma.fence.sync.aligned;", "wgmma", "not emulated")]
    [InlineData(".frob 3;", ".frob", "takes .reg")]
    public void What_is_not_known_is_refused_with_its_line(string body, string names, string explains)
    {
        PtxException refusal = InstructionRunner.Refusal(body);
        Assert.Equal(7, refusal.Line);
        Assert.Contains(names, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(explains, refusal.Message, StringComparison.Ordinal);
    }
}
