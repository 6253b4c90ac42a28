using System.Text.Json;
using FeatureTransform.PtxRun;

namespace FeatureTransform.Cuda.Emulator.Tests.Command;

/// <summary>Runs ptxrun in this process on files of a folder of its own.</summary>
internal sealed class CommandRun : IDisposable
{
    public const string Saxpy = """
        .version 7.0
        .target sm_80
        .address_size 64
        .visible .entry saxpy(.param .u64 y_, .param .u64 x_, .param .f32 a_, .param .u32 n_)
        {
            .reg .pred %p; .reg .b32 %r<6>; .reg .f32 %f<4>; .reg .b64 %rd<4>;
            mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x;
            mad.lo.s32 %r4, %r1, %r2, %r3;
            ld.param.u32 %r5, [n_];
            setp.ge.u32 %p, %r4, %r5;
            @%p ret;
            ld.param.u64 %rd1, [y_]; ld.param.u64 %rd2, [x_]; ld.param.f32 %f1, [a_];
            mul.wide.u32 %rd3, %r4, 4;
            add.u64 %rd1, %rd1, %rd3; add.u64 %rd2, %rd2, %rd3;
            ld.global.f32 %f2, [%rd2]; ld.global.f32 %f3, [%rd1];
            fma.rn.f32 %f3, %f1, %f2, %f3;
            st.global.f32 [%rd1], %f3;
            ret;
        }
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("ptxrun").FullName;

    public CommandRun() => Write("saxpy.ptx", Saxpy);

    /// <summary>What the error stream got, a line each.</summary>
    public string[] Errors { get; private set; } = [];

    /// <summary>What the output got.</summary>
    public string Text { get; private set; } = "";

    public JsonElement Result => JsonDocument.Parse(Text).RootElement;

    public static string Case(string arguments, string kernel = "saxpy", string ptx = "saxpy.ptx") =>
        $$"""{ "ptx": "{{ptx}}", "kernel": "{{kernel}}", "grid": [1, 1, 1], "block": [32, 1, 1], "args": [{{arguments}}] }""";

    /// <summary>y = 2 x + y of four numbers, the parts to be replaced in a test.</summary>
    public static string SaxpyCase(
        string y = """{ "buffer": "y", "bytes": 16, "fill": 0 }""",
        string x = """{ "buffer": "x", "hex": "0000803f000000400000404000008040" }""",
        string a = """{ "value": { "f32": 2 } }""", string n = """{ "value": { "u32": 4 } }""") => Case($"{y}, {x}, {a}, {n}");

    public string PathOf(string name) => Path.Combine(folder, name);

    public void Write(string name, string text) => File.WriteAllText(PathOf(name), text);

    /// <summary>Runs a case file; the exit code.</summary>
    public int Run(string json, params string[] options)
    {
        Write("case.json", json);
        return Invoke([PathOf("case.json"), .. options]);
    }

    public int Invoke(params string[] args)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter();
        int code = CommandLine.Run(args, output, error);
        Text = System.Text.Encoding.UTF8.GetString(output.ToArray());
        Errors = error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return code;
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
