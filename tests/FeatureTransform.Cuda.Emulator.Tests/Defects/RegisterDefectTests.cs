using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Tests.Defects;

/// <summary>Registers that are used before anything was written to them.</summary>
public class RegisterDefectTests
{
    private static LaunchReport Run(string body)
    {
        string ptx = $$"""
            .version 8.0
            .target sm_80
            .address_size 64
            .func (.param .b32 result) twice(.param .b32 value)
            {
                .reg .b32 %v<3>;
                ld.param.u32 %v1, [value]; add.s32 %v2, %v1, %v1; st.param.b32 [result], %v2;
                ret;
            }
            .visible .entry test(.param .u64 x_)
            {
                .reg .pred %p<4>; .reg .b32 %r<12>; .reg .b64 %rd<6>;
                ld.param.u64 %rd1, [x_]; mov.u32 %r1, %tid.x; mul.wide.u32 %rd2, %r1, 4; add.s64 %rd2, %rd1, %rd2; setp.lt.u32 %p1, %r1, 16;
            {{body}}
                ret;
            }
            """;
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        ulong x = device.Allocate<int>(new int[64], "x");
        return device.Launch(device.Load(ptx), "test", new Dim3(1), new Dim3(32), BitConverter.GetBytes(x));
    }

    [Theory]
    [InlineData("st.global.u32 [%rd2], %r5;", "%r5", 32)]
    [InlineData("add.s32 %r6, %r5, 1;\nmul.lo.s32 %r7, %r6, %r1; st.global.u32 [%rd2], %r7;", "%r7", 32)]
    [InlineData("@%p1 mov.u32 %r5, 7;\nst.global.u32 [%rd2], %r5;", "%r5", 16)]
    [InlineData("@%p1 bra M;\nmov.u32 %r5, 7; M: st.global.u32 [%rd2], %r5;", "%r5", 16)]
    [InlineData("@%p2 st.global.u32 [%rd2], %r1;", "%p2", 32)]
    [InlineData("setp.eq.s32 %p2, %r5, 0;\n@%p2 bra M; st.global.u32 [%rd2], %r1; M:", "%p2", 32)]
    [InlineData("mov.u32 %r6, 0; L: add.s32 %r5, %r5, %r6; add.s32 %r6, %r6, 1; setp.lt.s32 %p2, %r6, 8; @%p2 bra L;\nst.global.u32 [%rd2], %r5;", "%r5", 32)]
    [InlineData("cvt.u64.u32 %rd3, %r5; add.s64 %rd4, %rd2, %rd3;\n@%p3 ld.global.u32 %r6, [%rd2];", "%p3", 32)]
    public void A_use_is_found_with_its_lanes(string body, string register, int lanes)
    {
        Finding finding = Assert.Single(Run(body).Findings);
        Assert.Equal(("uninitialised register", (long)lanes), (finding.Kind, finding.Count));
        Assert.Contains($"uses {register},", finding.Message, StringComparison.Ordinal);
        Assert.Equal(14 + body[..LastUse(body, register)].Count(c => c == '\n'), finding.PtxLine);
    }

    [Theory]
    [InlineData("@%p1 mov.u32 %r5, 7; @!%p1 mov.u32 %r5, 8; st.global.u32 [%rd2], %r5;")]
    [InlineData("@%p1 bra T; mov.u32 %r5, 8; bra M; T: mov.u32 %r5, 7; M: st.global.u32 [%rd2], %r5;")]
    [InlineData("@%p1 mov.u32 %r5, 7; @%p1 st.global.u32 [%rd2], %r5;")]
    [InlineData("@%p1 mov.u32 %r5, 7; add.s32 %r6, %r5, 1; @%p1 st.global.u32 [%rd2], %r6;")]
    [InlineData("mov.u32 %r6, 0; L: @%p1 bra S; mov.u32 %r5, %r6; S: add.s32 %r6, %r6, 1; setp.lt.s32 %p2, %r6, 8; @%p2 bra L; @!%p1 st.global.u32 [%rd2], %r5;")]
    [InlineData("@%p1 mov.u32 %r5, 3; @%p1 bra C; bra M; C: { .param .b32 a; .param .b32 b; st.param.b32 [a], %r5; call (b), twice, (a); ld.param.b32 %r5, [b]; } st.global.u32 [%rd2], %r5; M:")]
    [InlineData("setp.lt.u32 %p2, %r1, 8; @%p2 setp.lt.u32 %p3, %r1, 4; @%p2 bra A; bra M; A: @%p3 st.global.u32 [%rd2], %r1; M:")]
    public void What_every_path_to_a_use_writes_is_silent(string body)
    {
        LaunchReport report = Run(body);
        Assert.True(report.IsClean, $"{report.Error} {string.Join('\n', report.Findings)}");
    }

    private static int LastUse(string body, string register) => body.LastIndexOf(register, StringComparison.Ordinal);
}
