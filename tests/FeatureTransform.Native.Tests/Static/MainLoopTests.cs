using FeatureTransform.Benchmarks.Static;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>Disassembly read, its main loop and guarded code found, on listings short enough to count by hand.</summary>
public sealed class MainLoopTests
{
    // A tile loop within a loop over query tiles; guarded draws, a guard that holds a product, an exit out of the loop.
    private const string Pass = """
                /*0000*/                   MOV R1, c[0x0][0x28] ;
                /*0010*/                   LDG.E.128 R4, [R2.64] ;
                /*0020*/                   LDGSTS.E.BYPASS.128 [R7], [R2.64] ;
                /*0030*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
                /*0040*/                   BSSY B0, 0xa0 ;
                /*0050*/              @!P0 BRA 0x90 ;
                /*0060*/                   LOP3.LUT R5, RZ, R0, RZ, 0x33, !PT ;
                /*0070*/               @P4 BRA 0x60 ;
                /*0080*/                   STS [R2], R17 ;
                /*0090*/                   BSYNC B0 ;
                /*00a0*/                   LDSM.16.M88.4 R4, [R8] ;
                /*00b0*/                   LDSM.16.MT88.2 R4, [R8+0x80] ;
                /*00c0*/               @P3 BRA 0xe0 ;
                /*00d0*/                   HMMA.16816.F32.BF16 R12, R8, R4, R12 ;
                /*00e0*/                   HMMA.16816.F32.BF16 R12, R8, R4, R12 ;
                /*00f0*/                   MUFU.EX2 R13, R26 ;
                /*0100*/               @P2 BRA 0x150 ;
                /*0110*/              @!P1 BRA P5, 0x130 ;
                /*0120*/                   FADD R13, R12, R13 ;
                /*0130*/                   F2FP.BF16.PACK_AB R4, R5, R6 ;
                /*0140*/                   BRA 0x20 ;
                /*0150*/                   STG.E.64 [R2.64], R4 ;
                /*0160*/              @!P6 BRA 0x10 ;
                /*0170*/                   EXIT ;
                /*0180*/                   BRA 0x180;
                /*0190*/                   NOP;

        """;

    private const string Plain = """
                /*0000*/                   S2R R0, SR_TID.X ;
                /*0010*/               @P0 EXIT ;
                /*0020*/                   LDG.E.U16 R5, [R2.64] ;
                /*0030*/                   FFMA R9, -R12, R6, 1 ;
                /*0040*/               @P0 BRA 0x30 ;
                /*0050*/                   CALL.REL.NOINC 0x80 ;
                /*0060*/              @!P0 BRA 0x20 ;
                /*0070*/                   EXIT ;
                /*0080*/                   RET.REL.NODEC R8 0x0 ;
        """;

    private const string Straight = """
                /*0000*/                   S2R R0, SR_TID.X ;
                /*0010*/                   STG.E [R2.64], R4 ;
                /*0020*/                   EXIT ;
                /*0030*/                   BRA 0x30 ;
                /*0040*/                   NOP ;
        """;

    [Fact]
    public void Every_instruction_of_a_disassembly_is_read()
    {
        SassInstruction[] code = SassInstruction.Parse(Pass);
        Assert.Equal(26, code.Length);
        Assert.Equal(new("MOV", false, -1), code[0]);
        Assert.Equal(new("BSSY", false, -1), code[4]);
        Assert.Equal(new("BRA", true, 9), code[5]);
        Assert.Equal(new("BRA", true, 19), code[17]);
        Assert.Equal(new("BRA", false, 2), code[20]);
    }

    [Fact]
    public void The_main_loop_is_the_shortest_with_the_most_tensor_products()
    {
        MainLoop loop = MainLoop.Find(SassInstruction.Parse(Pass));
        Assert.Equal(19, loop.Instructions.Length);
        Assert.Equal("LDGSTS.E.BYPASS.128", loop.Instructions[0].Opcode);
        Assert.Equal(2, InstructionMix.Of(loop.Instructions).Tensor);
        Assert.Empty(loop.Around); // it stores results
    }

    [Fact]
    public void The_loop_around_that_only_prepares_is_told_apart()
    {
        string prepares = Pass.Replace("STG.E.64 [R2.64], R4", "STS.64 [R2], R4", StringComparison.Ordinal);
        MainLoop loop = MainLoop.Find(SassInstruction.Parse(prepares));
        Assert.Equal(19, loop.Instructions.Length);
        Assert.Equal(["LDG.E.128", "STS.64", "BRA"], loop.Around.Select(instruction => instruction.Opcode));
    }

    [Fact]
    public void Guarded_code_is_what_a_conditional_branch_skips_without_a_product()
    {
        MainLoop loop = MainLoop.Find(SassInstruction.Parse(Pass));
        Assert.Equal(["LOP3.LUT", "BRA", "STS", "FADD"], loop.Guarded.Select(instruction => instruction.Opcode));
        // The loop of the draws is guarded: it does not make the other counts too small.
        Assert.Equal(0, loop.Nested);
    }

    [Fact]
    public void Without_products_the_longest_loop_counts_and_loops_within_it_are_told()
    {
        MainLoop loop = MainLoop.Find(SassInstruction.Parse(Plain));
        Assert.Equal(["LDG.E.U16", "FFMA", "BRA", "CALL.REL.NOINC", "BRA"], loop.Instructions.Select(one => one.Opcode));
        Assert.Equal(1, loop.Nested);
        Assert.Empty(loop.Guarded);
    }

    [Fact]
    public void Without_a_loop_the_kernel_counts_up_to_its_last_exit()
    {
        MainLoop loop = MainLoop.Find(SassInstruction.Parse(Straight));
        Assert.Equal(["S2R", "STG.E", "EXIT"], loop.Instructions.Select(instruction => instruction.Opcode));
    }

    [Fact]
    public void Instructions_are_counted_by_what_they_occupy()
    {
        InstructionMix mix = InstructionMix.Of(MainLoop.Find(SassInstruction.Parse(Pass)).Instructions);
        Assert.Equal(
            // LDGSTS 4 wavefronts and 32 x 16 bytes, STS 1, LDSM.4 and .2 six; other: BSSY, BSYNC and six branches.
            new InstructionMix(
                Total: 19, Tensor: 2, Matrix: 1.5, Special: 1, Exponentials: 1, Float: 1, Integer: 1, Pack: 1, Shared: 2,
                Global: 0, Local: 0, Barriers: 1, Other: 8, Wavefronts: 11, GlobalBytes: 512),
            mix);
    }

    [Fact]
    public void Local_memory_and_narrow_accesses_are_counted()
    {
        static SassInstruction Of(string opcode) => new(opcode, false, -1);
        InstructionMix mix = InstructionMix.Of(
        [
            Of("LDL.LU"), Of("STL.64"), Of("LDG.E.U8.CONSTANT"), Of("LDG.E.64"), Of("LDS.U16"), Of("LDS.128"), Of("STS.64"),
            Of("LDSM.16.M88"),
        ]);
        Assert.Equal((2, 2, 3), (mix.Local, mix.Global, mix.Shared));
        Assert.Equal(32 + 256, mix.GlobalBytes);
        Assert.Equal(1 + 4 + 2 + 1, mix.Wavefronts);
        Assert.Equal(0.25, mix.Matrix);
    }
}
