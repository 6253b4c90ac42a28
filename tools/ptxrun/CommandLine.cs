using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text.Json;
using FeatureTransform.Cuda.Emulator;

namespace FeatureTransform.PtxRun;

/// <summary>The command: reads a case file, runs its cases, writes their results.</summary>
internal static class CommandLine
{
    private static readonly DeviceProfile[] Devices = [DeviceProfile.A100, DeviceProfile.Rtx4090, DeviceProfile.H100];

    private static readonly Argument<string> File = new("CASE.json")
    {
        Description = "One case, or { \"cases\": [ ... ] }; docs/emulator.md has the format.",
    };

    private static readonly Option<string> Out = new("--out")
    {
        Description = "Where the result goes; by default to the output.",
    };

    private static readonly Option<string> Checks = new("--checks")
    {
        Description = "all, none, or some of memcheck,initcheck,racecheck,synccheck.",
        DefaultValueFactory = _ => "all",
    };

    private static readonly Option<string> Device = new("--device")
    {
        Description = "The device: " + string.Join(", ", Devices.Select(NameOf)) + ".",
        DefaultValueFactory = _ => NameOf(DeviceProfile.H100),
    };

    /// <param name="args">The command line.</param>
    /// <param name="output">Gets the result where --out is not given.</param>
    /// <param name="error">Gets one line for each case that did not run, and what kernels print.</param>
    public static int Run(string[] args, Stream output, TextWriter error)
    {
        var root = new RootCommand(
            "Runs a CUDA kernel on an emulated device and checks it. Exit codes: 0 ran without findings, 3 ran with findings, "
            + "2 bad input, 4 refused PTX, 5 fault or deadlock; of several cases the gravest.") { File, Out, Checks, Device };
        root.SetAction(parse => Run(parse, output, error));
        ParseResult parse = root.Parse(args);
        if (parse.Action is ParseErrorAction)
        {
            error.WriteLine($"{parse.Errors[0].Message} (--help lists what can be given.)");
            return ExitCode.BadInput;
        }
        try
        {
            return parse.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Error = error });
        }
        catch (Exception failure)
            when (failure is BadInputException or JsonException or IOException or UnauthorizedAccessException)
        {
            error.WriteLine(Line(failure.Message));
            return ExitCode.BadInput;
        }
    }

    private static int Run(ParseResult parse, Stream output, TextWriter error)
    {
        string path = parse.GetRequiredValue(File);
        var options = new EmulatorOptions
        {
            Checks = CheckNames.Parse(parse.GetRequiredValue(Checks)),
            Device = FindDevice(parse.GetRequiredValue(Device)),
            Counters = true,
        };
        using JsonDocument document = Read(path);
        var runner = new CaseRunner(Path.GetDirectoryName(Path.GetFullPath(path))!, options, error.Write);
        using Stream? file = parse.GetValue(Out) is { } name ? System.IO.File.Create(name) : null;
        Stream target = file ?? output;
        using var json = new Utf8JsonWriter(target, ResultWriter.Options);
        int code = document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("cases", out _)
            ? RunAll(root, runner, json, error)
            : RunOne(document.RootElement, "", runner, json, error);
        json.Flush();
        target.WriteByte((byte)'\n');
        return code;
    }

    private static int RunAll(JsonElement root, CaseRunner runner, Utf8JsonWriter json, TextWriter error)
    {
        IReadOnlyList<JsonElement> cases = new Fields(root, "", "cases").GetList("cases");
        int code = ExitCode.Clean;
        json.WriteStartObject();
        json.WriteStartArray("results");
        for (int i = 0; i < cases.Count; i++)
        {
            code = ExitCode.Worst(code, RunOne(cases[i], $"cases[{i}]: ", runner, json, error));
        }
        json.WriteEndArray();
        json.WriteEndObject();
        return code;
    }

    private static int RunOne(JsonElement given, string place, CaseRunner runner, Utf8JsonWriter json, TextWriter error)
    {
        CaseResult result = runner.Run(given);
        if (result.Error is { } message)
        {
            error.WriteLine(place + Line(message));
        }
        ResultWriter.Write(json, result);
        return result.ExitCode;
    }

    private static JsonDocument Read(string path)
    {
        try
        {
            using FileStream stream = System.IO.File.OpenRead(path);
            return JsonDocument.Parse(stream, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException error)
        {
            throw new BadInputException($"{path} is no JSON: {error.Message}");
        }
    }

    private static DeviceProfile FindDevice(string name) => Array.Find(Devices, device => NameOf(device) == name)
        ?? throw new BadInputException($"--device: \"{name}\" is no device; give {string.Join(", ", Devices.Select(NameOf))}");

    private static string NameOf(DeviceProfile device) => $"sm_{device.ComputeCapability}";

    private static string Line(string message) => message.ReplaceLineEndings(" ").Trim();
}
