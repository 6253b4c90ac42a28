using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests.Ptx;

/// <summary>Damaged texts are refused with a place or accepted, and never crash, hang or eat memory. FT_FULL=1 tries many more.</summary>
public class MutationTests
{
    private static readonly string Text = """
        .version 8.4
        .target sm_80
        .address_size 64
        .global .align 4 .f32 table[4] = {0f3F800000, 2.5, 0f40400000, -1.0};
        .global .align 8 .u64 pointer = table;
        .func (.param .b32 result) twice(.param .b32 value)
        {
          .reg .b32 %r<3>;
          ld.param.u32 %r1, [value]; shl.b32 %r2, %r1, 1; st.param.b32 [result], %r2; ret;
        }
        .visible .entry kernel(.param .u64 x_, .param .align 8 .b8 s_[24]) .maxntid 128, 1, 1
        {
          .local .align 8 .b8 depot[16];
          .reg .pred %p<3>; .reg .b16 %rs<3>; .reg .b32 %r<9>; .reg .f32 %f<5>; .reg .b64 %rd<6>;
          .shared .align 16 .b8 tile[512];
          .loc 1 5 3, function_name $info0, inlined_at 1 9 1
          ld.param.u64 %rd1, [x_]; cvta.to.global.u64 %rd2, %rd1; mov.u32 %r1, %tid.x; mov.u64 %rd3, depot;
          setp.lt.and.s32 %p1|%p2, %r1, 16, %p2;
          @!%p1 bra $SKIP;
          { .reg .b32 t; .param .b32 a; st.param.b32 [a+0], %r1; .param .b32 r; call.uni (r), twice, (a); ld.param.b32 %r2, [r+0]; }
          mul.wide.u32 %rd4, %r2, 4; add.s64 %rd5, %rd2, %rd4; ld.global.v2.f32 {%f1, %f2}, [%rd5+8]; fma.rn.ftz.f32 %f3, %f1, 0f3F000000, %f2;
          cvt.rn.bf16.f32 %rs1, %f3; st.shared.b16 [tile+2], %rs1; shfl.sync.bfly.b32 %r3|%p1, %r2, 1, 31, -1;
          mov.b32 {%rs1, %rs2}, %r3; atom.global.add.u32 %r4, [%rd5], 1; bar.sync 0; lop3.b32 %r5, %r1, %r2, %r3, 0x96;
        $SKIP:
          mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1,%f2,%f3,%f4}, {%r1,%r2,%r3,%r4}, {%r5,%r6}, {%f1,%f2,%f3,%f4};
          $T: .branchtargets $SKIP, $END; and.b32 %r6, %r1, 1; @%p2 brx.idx %r6, $T;
        $END: ret;
        }
        .file 1 "a.cu"
        .section .debug_str { $info0: .b8 97, 98, 0 }
        """;

    [Fact]
    public void The_text_itself_is_accepted()
    {
        using var device = new PtxRunner();
        Assert.Equal(["kernel"], device.Load(Text).Kernels);
    }

    [Fact]
    public void Damaged_texts_are_refused_or_accepted()
    {
        int count = Environment.GetEnvironmentVariable("FT_FULL") == "1" ? 100_000 : 5_000;
        string[] lines = Text.Split('\n');
        string[] tokens = [.. Text.Split([' ', '\n', ','], StringSplitOptions.RemoveEmptyEntries)];
        var random = new Random(20240229);
        int refused = 0;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int n = 0; n < count; n++)
        {
            string damaged = Damage(lines, tokens, random);
            using var device = new PtxRunner();
            try
            {
                device.Load(damaged);
            }
            catch (PtxException e)
            {
                refused++;
                Assert.NotEmpty(e.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"case {n}: {e}\n{damaged}");
            }
        }
        Assert.InRange(refused, count / 4, count);
        Assert.True(GC.GetTotalMemory(forceFullCollection: true) - before < 64 << 20, "memory grows");
    }

    private static string Damage(string[] lines, string[] tokens, Random random)
    {
        var text = new StringBuilder(string.Join('\n', lines));
        for (int times = random.Next(1, 4); times > 0; times--)
        {
            int at = random.Next(text.Length);
            switch (random.Next(7))
            {
                case 0:
                    text[at] = (char)random.Next(32, 127);
                    break;
                case 1:
                    text.Remove(at, Math.Min(random.Next(1, 40), text.Length - at));
                    break;
                case 2:
                    text.Insert(at, tokens[random.Next(tokens.Length)]);
                    break;
                case 3:
                    text.Insert(at, lines[random.Next(lines.Length)]);
                    break;
                case 4:
                    text.Length = at;
                    break;
                case 5:
                    text.Insert(at, "{}()[]<>|!@+-;:,\"\0"[random.Next(18)]);
                    break;
                default:
                    text.Replace(tokens[random.Next(tokens.Length)], tokens[random.Next(tokens.Length)], at, Math.Min(200, text.Length - at));
                    break;
            }
            if (text.Length == 0)
            {
                break;
            }
        }
        return text.ToString();
    }
}
