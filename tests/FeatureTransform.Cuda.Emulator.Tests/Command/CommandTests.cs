using System.Text.Json;

namespace FeatureTransform.Cuda.Emulator.Tests.Command;

/// <summary>What ptxrun writes and exits with for kernels that run, are refused or fault.</summary>
public sealed class CommandTests : IDisposable
{
    private const string Doubled = "00000040000080400000c04000000041", Loop = ".version 7.0\n.target sm_80\n.address_size 64\n";

    private readonly CommandRun command = new();

    public void Dispose() => command.Dispose();

    [Fact]
    public void A_clean_run_exits_with_0()
    {
        Assert.Equal(0, command.Run(CommandRun.SaxpyCase()));
        Assert.Empty(command.Errors);
        Assert.Equal(
            ["status", "error", "buffers", "findings", "counters"], command.Result.EnumerateObject().Select(p => p.Name));
        Assert.Equal("ok", command.Result.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, command.Result.GetProperty("error").ValueKind);
        Assert.Equal([("y", Doubled)], Buffers(command.Result));
        Assert.Empty(command.Result.GetProperty("findings").EnumerateArray());
        JsonElement counters = command.Result.GetProperty("counters");
        Assert.Equal(8, counters.GetProperty("singleFlops").GetInt64()); // four fused multiply-adds
        Assert.Equal(8, counters.GetProperty("lines").EnumerateArray().Sum(line => line.GetProperty("singleFlops").GetInt64()));
    }

    [Fact]
    public void Out_writes_the_same_into_a_file()
    {
        command.Run(CommandRun.SaxpyCase());
        string expected = command.Text;
        Assert.Equal(0, command.Run(CommandRun.SaxpyCase(), "--out", command.PathOf("out.json")));
        Assert.Empty(command.Text);
        Assert.Equal(expected, File.ReadAllText(command.PathOf("out.json")));
    }

    [Fact]
    public void Inputs_come_from_files_and_are_returned_where_the_kernel_changed_them()
    {
        File.WriteAllBytes(command.PathOf("x.bin"), Convert.FromHexString("0000803f000000400000404000008040"));
        Assert.Equal(0, command.Run(CommandRun.SaxpyCase(
            y: """{ "buffer": "y", "hex": "00000000000000000000000000000000" }""", x: """{ "buffer": "x", "file": "x.bin" }""")));
        Assert.Equal([("y", Doubled)], Buffers(command.Result));
    }

    [Fact]
    public void An_uninitialised_read_exits_with_3()
    {
        Assert.Equal(3, command.Run(CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 16 }""")));
        Assert.Equal("ok", command.Result.GetProperty("status").GetString());
        JsonElement finding = Assert.Single(command.Result.GetProperty("findings").EnumerateArray());
        Assert.Equal(
            ["check", "kind", "kernel", "file", "line", "ptxLine", "block", "thread", "address", "message", "count"],
            finding.EnumerateObject().Select(p => p.Name));
        Assert.Equal("initcheck", finding.GetProperty("check").GetString());
        Assert.Equal("saxpy", finding.GetProperty("kernel").GetString());
        Assert.Equal(15, finding.GetProperty("ptxLine").GetInt32());
        Assert.Equal([0, 0, 0], finding.GetProperty("block").EnumerateArray().Select(e => e.GetInt32()));
        Assert.Equal([0, 0, 0], finding.GetProperty("thread").EnumerateArray().Select(e => e.GetInt32()));
        Assert.StartsWith("0x", finding.GetProperty("address").GetString(), StringComparison.Ordinal);
        Assert.Equal(4, finding.GetProperty("count").GetInt32());
    }

    [Theory]
    [InlineData("none", 0)]
    [InlineData("memcheck,synccheck", 0)]
    [InlineData("initcheck", 3)]
    public void Checks_are_chosen(string checks, int code) =>
        Assert.Equal(code, command.Run(CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 16 }"""), "--checks", checks));

    [Fact]
    public void Refused_ptx_exits_with_4_and_names_the_line()
    {
        command.Write("saxpy.ptx", CommandRun.Saxpy.Replace("fma.rn.f32", "fmax.rn.f32", StringComparison.Ordinal));
        Assert.Equal(4, command.Run(CommandRun.SaxpyCase()));
        Assert.Contains("line 16:", Assert.Single(command.Errors), StringComparison.Ordinal);
        Assert.Equal("error", command.Result.GetProperty("status").GetString());
        Assert.Contains("line 16:", command.Result.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_exits_with_5_and_tells_where()
    {
        Assert.Equal(5, command.Run(CommandRun.SaxpyCase(n: """{ "value": { "u32": 5 } }""")));
        Assert.Single(command.Errors);
        Assert.Equal("error", command.Result.GetProperty("status").GetString());
        Assert.Contains(
            command.Result.GetProperty("findings").EnumerateArray(), f => f.GetProperty("check").GetString() == "memcheck"
            && f.GetProperty("thread").EnumerateArray().First().GetInt32() == 4);
        Assert.Equal(5, command.Run(CommandRun.SaxpyCase(n: """{ "value": { "u32": 5 } }"""), "--checks", "none"));
    }

    [Fact]
    public void A_deadlock_exits_with_5()
    {
        command.Write("wait.ptx", Loop + ".visible .entry wait_() { bar.sync 1, 64; ret; }");
        Assert.Equal(5, command.Run(CommandRun.Case("", "wait_", "wait.ptx")));
        Assert.Contains("barrier 1", Assert.Single(command.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Cases_are_run_in_order_and_apart()
    {
        command.Write("bad.ptx", "no PTX");
        string[] cases =
        [
            CommandRun.Case("", "k", "bad.ptx"),
            CommandRun.SaxpyCase(n: """{ "value": { "u32": 5 } }"""),
            CommandRun.SaxpyCase(),
            """{ "kernel": "saxpy" }""",
            CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 16 }"""),
        ];
        Assert.Equal(5, command.Run($$"""{ "cases": [{{string.Join(',', cases)}}] }"""));
        JsonElement[] results = [.. command.Result.GetProperty("results").EnumerateArray()];
        Assert.Equal(["error", "error", "ok", "error", "ok"], results.Select(r => r.GetProperty("status").GetString()));
        Assert.Equal([("y", Doubled)], Buffers(results[2]));
        Assert.Equal(["cases[0]", "cases[1]", "cases[3]"], command.Errors.Select(line => line.Split(':')[0]));
    }

    [Theory]
    [InlineData(0, new int[0])]
    [InlineData(0, new[] { 0 })]
    [InlineData(3, new[] { 0, 3 })]
    [InlineData(2, new[] { 2, 3, 0 })]
    public void The_gravest_of_several_decides(int expected, int[] codes)
    {
        string[] cases = [.. codes.Select(code => code switch
        {
            0 => CommandRun.SaxpyCase(),
            3 => CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 16 }"""),
            _ => "7",
        })];
        Assert.Equal(expected, command.Run($$"""{ "cases": [{{string.Join(',', cases)}}] }"""));
    }

    [Fact]
    public void Every_type_of_value_arrives()
    {
        (string Type, string Json, string Hex)[] values =
        [
            ("u8", "200", "c8"), ("i8", "-2", "fe"), ("u16", "65535", "ffff"), ("i16", "-2", "feff"),
            ("u32", "4294967295", "ffffffff"), ("i32", "-2", "feffffff"), ("u64", "18446744073709551615", "ffffffffffffffff"),
            ("i64", "-2", "feffffffffffffff"),
            ("f32", "1.5", "0000c03f"), ("f32", "\"-Infinity\"", "000080ff"), ("f64", "1.5", "000000000000f83f"),
            ("hex", "\"01020304\"", "01020304"),
        ];
        string cases = string.Join(',', values.Select(value =>
        {
            int bits = value.Hex.Length * 4;
            command.Write($"{bits}.ptx", $$"""
                {{Loop}}
                .visible .entry keep(.param .u64 out_, .param .b{{bits}} x_)
                {
                    .reg .b64 %rd<2>; .reg .b{{Math.Max(bits, 16)}} %x;
                    ld.param.u64 %rd1, [out_]; ld.param.b{{bits}} %x, [x_]; st.global.b{{bits}} [%rd1], %x; ret;
                }
                """);
            return CommandRun.Case(
                $$"""{ "buffer": "out", "bytes": {{bits / 8}}, "fill": 0 }, { "value": { "{{value.Type}}": {{value.Json}} } }""",
                "keep", $"{bits}.ptx")
                .Replace("[32, 1, 1]", "[1]", StringComparison.Ordinal);
        }));
        Assert.Equal(0, command.Run($$"""{ "cases": [{{cases}}] }"""));
        JsonElement[] results = [.. command.Result.GetProperty("results").EnumerateArray()];
        Assert.Equal(values.Select(v => v.Hex), results.Select(r => Buffers(r).Single().Hex));
    }

    [Fact]
    public void A_source_is_compiled()
    {
        if (!FeatureTransform.Cuda.Nvrtc.TryLoad(out _, out _))
        {
            command.Write("k.cu", "");
            Assert.Equal(2, command.Run("""{ "source": "k.cu", "kernel": "k", "grid": [1], "block": [1] }"""));
            Assert.Contains("NVRTC", Assert.Single(command.Errors), StringComparison.Ordinal);
            return;
        }
        command.Write(
            "k.cu", "extern \"C\" __global__ void k(int* out, const int* x)\n{\n  int i = threadIdx.x;\n  out[i] = x[i] + 1;\n}\n");
        const string text =
            """{ "source": "k.cu", "kernel": "k", "grid": [1], "block": [2], "args": [{ "buffer": "out", "bytes": 8 }, { "buffer": "x",""";
        Assert.Equal(0, command.Run(text + """ "hex": "0100000002000000" }] }"""));
        Assert.Equal([("out", "0200000003000000")], Buffers(command.Result));
        Assert.Equal(3, command.Run(text + """ "bytes": 8 }] }"""));
        JsonElement finding = command.Result.GetProperty("findings")[0];
        Assert.Equal(("k.cu", 4), (finding.GetProperty("file").GetString(), finding.GetProperty("line").GetInt32()));
        command.Write("k.cu", "nonsense");
        Assert.Equal(2, command.Run(text + """ "bytes": 8 }] }"""));
        Assert.Contains("k.cu(1)", Assert.Single(command.Errors), StringComparison.Ordinal);
    }

    private static (string Name, string Hex)[] Buffers(JsonElement result) =>
        [.. result.GetProperty("buffers").EnumerateObject().Select(p => (p.Name, p.Value.GetString()!))];
}
