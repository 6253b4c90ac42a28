using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>Runs one instruction of up to three sources on many values, a value a thread, from hand-written PTX.</summary>
internal static class InstructionRunner
{
    /// <summary>Results of a form such as "add.s32" with register widths in bits for d, a, b, c (0: absent).</summary>
    public static ulong[] Run(string form, int d, int a, int b, int c, params (ulong A, ulong B, ulong C)[] values)
    {
        string body = $"{form} %d{d}{(a > 0 ? $", %a{a}" : "")}{(b > 0 ? $", %b{b}" : "")}{(c > 0 ? $", %c{c}" : "")};";
        return RunBody(body, d, a, b, c, values);
    }

    /// <summary>The same with whole statements, which read %aN %bN %cN and write %dN (N the width).</summary>
    public static ulong[] RunBody(string body, int d, int a, int b, int c, params (ulong A, ulong B, ulong C)[] values)
    {
        var text = new StringBuilder("""
            .version 8.4
            .target sm_90
            .address_size 64
            .visible .entry test(.param .u64 in_, .param .u64 out_, .param .u32 n_)
            {
              .reg .pred %p<8>; .reg .b32 %r<8>; .reg .b64 %rd<8>;
              .reg .b16 %a16, %b16, %c16, %d16, %e16; .reg .b32 %a32, %b32, %c32, %d32, %e32; .reg .b64 %a64, %b64, %c64, %d64, %e64;
              ld.param.u64 %rd1, [in_]; ld.param.u64 %rd2, [out_]; ld.param.u32 %r5, [n_];
              mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mad.lo.u32 %r1, %r2, 256, %r1;
              setp.ge.u32 %p7, %r1, %r5; @%p7 ret;
              mad.wide.u32 %rd3, %r1, 24, %rd1; mad.wide.u32 %rd4, %r1, 8, %rd2;

            """);
        foreach ((char name, int bits, int offset) in new[] { ('a', a, 0), ('b', b, 8), ('c', c, 16) })
        {
            if (bits > 0)
            {
                text.AppendLine($"  ld.global.u{bits} %{name}{bits}, [%rd3+{offset}];");
            }
        }
        text.AppendLine("  " + body);
        text.AppendLine($"  st.global.u{d} [%rd4], %d{d};\n  ret;\n}}");
        using var device = new PtxRunner();
        PtxRunnerModule module = device.Load(text.ToString());
        ulong[] input = [.. values.SelectMany(v => new[] { v.A, v.B, v.C })];
        ulong result = device.Allocate<ulong>(new ulong[values.Length]);
        byte[] parameters = [.. BitConverter.GetBytes(device.Allocate<ulong>(input)), .. BitConverter.GetBytes(result),
            .. BitConverter.GetBytes(values.Length)];
        device.Launch(module, "test", new Dim3((uint)(values.Length + 255) / 256), new Dim3(256), parameters).ThrowIfUnclean();
        return device.Read<ulong>(result, values.Length);
    }

    /// <summary>The PtxException of a body that must be refused.</summary>
    public static PtxException Refusal(string body)
    {
        using var device = new PtxRunner();
        string text =
            $".version 8.4\n.target sm_90\n.address_size 64\n.visible .entry "
            + $"test()\n{{\n.reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .f32 %f<8>;\n{body}\nret;\n}}\n";
        return Assert.Throws<PtxException>(() => device.Load(text));
    }
}
