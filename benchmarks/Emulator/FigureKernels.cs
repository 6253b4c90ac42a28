namespace FeatureTransform.Benchmarks.Emulator;

/// <summary>Kernels that do one thing: a loop of so many instructions, whose number of turns is a parameter.</summary>
internal static class FigureKernels
{
    /// <summary>Instructions of a turn of <see cref="Arithmetic"/>.</summary>
    public const int ArithmeticInstructions = 13;

    /// <summary>Integer and floating-point arithmetic in registers.</summary>
    public const string Arithmetic = """
        .version 7.0
        .target sm_80
        .address_size 64
        .visible .entry arithmetic(.param .u64 out_, .param .u32 turns_)
        {
            .reg .pred %p; .reg .b32 %r<8>; .reg .f32 %f<8>; .reg .b64 %rd<4>;
            ld.param.u64 %rd1, [out_]; ld.param.u32 %r7, [turns_];
            mov.u32 %r1, %tid.x; mov.u32 %r2, 0; mov.u32 %r3, 7;
            cvt.rn.f32.u32 %f1, %r1; mov.f32 %f2, 0f3F7FFFF0; mov.f32 %f3, 0f3A000000;
        TURN:
            fma.rn.f32 %f1, %f1, %f2, %f3;
            add.s32 %r3, %r3, %r1;
            xor.b32 %r4, %r3, %r1;
            mul.lo.s32 %r5, %r4, %r3;
            add.f32 %f4, %f1, %f3;
            mul.f32 %f5, %f4, %f2;
            shl.b32 %r6, %r5, 3;
            or.b32 %r3, %r6, 1;
            sub.f32 %f1, %f5, %f3;
            max.f32 %f1, %f1, %f3;
            add.s32 %r2, %r2, 1;
            setp.lt.u32 %p, %r2, %r7;
            @%p bra TURN;
            cvt.rn.f32.s32 %f6, %r3;
            add.f32 %f1, %f1, %f6;
            mad.wide.u32 %rd2, %r1, 4, %rd1;
            st.global.f32 [%rd2], %f1;
            ret;
        }
        """;

    /// <summary>One matrix product after another, on fragments that each lane reads from memory.</summary>
    public const string Matrix = """
        .version 7.0
        .target sm_80
        .address_size 64
        .visible .entry matrix(.param .u64 operands_, .param .u64 out_, .param .u32 turns_)
        {
            .reg .pred %p; .reg .b32 %r<10>; .reg .f32 %f<5>; .reg .b64 %rd<4>;
            ld.param.u64 %rd1, [operands_]; ld.param.u64 %rd2, [out_]; ld.param.u32 %r9, [turns_];
            mov.u32 %r7, %tid.x; mov.u32 %r8, 0;
            mad.wide.u32 %rd1, %r7, 32, %rd1; mad.wide.u32 %rd2, %r7, 16, %rd2;
            ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%rd1]; ld.global.v2.b32 {%r5, %r6}, [%rd1+16];
            mov.f32 %f1, 0f00000000; mov.f32 %f2, %f1; mov.f32 %f3, %f1; mov.f32 %f4, %f1;
        TURN:
            mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
                {%f1, %f2, %f3, %f4}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {%f1, %f2, %f3, %f4};
            add.s32 %r8, %r8, 1;
            setp.lt.u32 %p, %r8, %r9;
            @%p bra TURN;
            st.global.v4.f32 [%rd2], {%f1, %f2, %f3, %f4};
            ret;
        }
        """;
}
