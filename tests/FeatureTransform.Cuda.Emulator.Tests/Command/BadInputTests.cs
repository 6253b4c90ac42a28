namespace FeatureTransform.Cuda.Emulator.Tests.Command;

/// <summary>Whatever cannot be used is one line that says what is wrong, and exit code 2.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly CommandRun command = new();

    public static TheoryData<string, string> Cases => new()
    {
        { "", "no JSON" },
        { "{", "no JSON" },
        { "[]", "must be an object" },
        { "{}", "exactly one of ptx, source" },
        { """{ "kernel": "a", "kernel": "b" }""", "no JSON" },
        { """{ "cases": 3 }""", "cases must be an array" },
        { """{ "cases": [], "ptx": "a" }""", "unknown field \"ptx\"" },
        { """{ "ptx": "saxpy.ptx", "source": "a.cu" }""", "exactly one of ptx, source" },
        { """{ "ptx": "none.ptx", "kernel": "k", "grid": [1], "block": [1] }""", "there is no file" },
        { """{ "ptx": "saxpy.ptx", "grid": [1], "block": [1] }""", "must have \"kernel\"" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "block": [1] }""", "must have \"grid\"" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "grid": [0, 1, 1], "block": [1] }""", "grid must be an array" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "grid": 1, "block": [1] }""", "grid must be an array" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "grid": [1], "block": [1], "blocks": 1 }""", "unknown field \"blocks\"" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "grid": [1], "block": [1], "dynSmem": -1 }""", "dynSmem must be" },
        { """{ "ptx": "saxpy.ptx", "kernel": "saxpy", "grid": [1], "block": [1] }""", "saxpy has 4 parameters, args has 0" },
        { """{ "ptx": "saxpy.ptx", "kernel": "sax", "grid": [1], "block": [1] }""", "the PTX has saxpy" },
        { CommandRun.SaxpyCase().Replace("[32, 1, 1]", "[2048]", StringComparison.Ordinal), "1 to 1024 threads" },
        { CommandRun.SaxpyCase(n: """{ "value": { "u64": 4 } }"""), "args[3] (u64) has 8 bytes" },
        { CommandRun.SaxpyCase(n: """{ "value": { "u32": -4 } }"""), "args[3].value.u32 must be an integer of 32 bits" },
        { CommandRun.SaxpyCase(n: """{ "value": { "u33": 4 } }"""), "unknown field \"u33\"" },
        { CommandRun.SaxpyCase(n: """{ "value": 4 }"""), "args[3].value must be an object" },
        { CommandRun.SaxpyCase(n: """{ "number": 4 }"""), "unknown field \"number\"" },
        { CommandRun.SaxpyCase(a: """{ "value": { "f32": "2" } }"""), "args[2].value.f32 must be a number" },
        { CommandRun.SaxpyCase(y: """{ "buffer": "y" }"""), "exactly one of hex, file, bytes" },
        { CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 16, "fill": 256 }"""), "args[0].fill must be an integer" },
        { CommandRun.SaxpyCase(y: """{ "buffer": "y", "bytes": 999999999999 }"""), "args[0].bytes must be an integer" },
        { CommandRun.SaxpyCase(x: """{ "buffer": "x", "hex": "0g" }"""), "args[1].hex must be" },
        { CommandRun.SaxpyCase(x: """{ "buffer": "x", "hex": "00", "fill": 0 }"""), "goes with \"bytes\"" },
        { CommandRun.SaxpyCase(x: """{ "buffer": "x", "file": "x.bin" }"""), "file: there is no file" },
    };

    public void Dispose() => command.Dispose();

    [Theory]
    [MemberData(nameof(Cases))]
    public void Is_told_in_one_line(string json, string expected)
    {
        Assert.Equal(2, command.Run(json));
        string line = Assert.Single(command.Errors);
        Assert.Contains(expected, line, StringComparison.Ordinal);
        Assert.DoesNotContain("unexpected", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--device", "sm_10", "sm_80")]
    [InlineData("--checks", "memchek", "memcheck")]
    [InlineData("--what", "x", "--what")]
    public void An_option_that_is_not_known_is_refused(string option, string value, string expected)
    {
        Assert.Equal(2, command.Run(CommandRun.SaxpyCase(), option, value));
        Assert.Contains(expected, Assert.Single(command.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        Assert.Equal(2, command.Invoke(command.PathOf("none.json")));
        Assert.Contains("none.json", Assert.Single(command.Errors), StringComparison.Ordinal);
        Assert.Equal(2, command.Run(CommandRun.SaxpyCase(), "--out", command.PathOf("no/folder.json")));
        Assert.Contains("folder.json", Assert.Single(command.Errors), StringComparison.Ordinal);
        Assert.Equal(2, command.Invoke());
    }
}
