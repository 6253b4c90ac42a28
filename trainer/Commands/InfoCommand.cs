using System.CommandLine;
using FeatureTransform.Trainer.Display;
using FeatureTransform.Training;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run; or what the kernels execute.</summary>
internal sealed class InfoCommand
{
    private readonly Option<bool> kernels = new("--kernels")
    {
        Description = "Show instead what each CUDA kernel executes, counted by the emulator; no device is needed.",
    };

    private readonly Option<bool> json = new("--json") { Description = "With --kernels: as JSON, every counter exact." };

    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, CUDA and the default options.") { kernels, json };
        Command.SetAction(parse => Execution.Run(
            parse, () => Request(parse), (asked, _, _) => new(asked.Kernels ? Kernels(asked.Json) : Text())));
    }

    public Command Command { get; }

    private (bool Kernels, bool Json) Request(ParseResult parse)
    {
        (bool Kernels, bool Json) asked = (parse.GetValue(kernels), parse.GetValue(json));
        return asked.Json && !asked.Kernels ? throw new InvalidInputException("--json goes with --kernels.") : asked;
    }

    private static string Kernels(bool json) =>
        json ? KernelTable.Json(KernelSurvey.Run(), KernelSurvey.Sizes) : KernelTable.Format(KernelSurvey.Run(), KernelSurvey.Sizes);

    private static string Text()
    {
        var lines = new List<(string Name, string Value)>(MachineReport.Describe())
        {
            ("trains on", $"cpu; {string.Join(" and ", OptionNames.PlannedDevices)} are not there yet"),
        };
        lines.AddRange(new PretrainOptionTable().DefaultOptions()
            .Select((section, i) => (i == 0 ? "default run" : "", string.Join(' ', section))));
        int width = lines.Max(line => line.Name.Length);
        string indent = '\n' + new string(' ', width + 2);
        return string.Join('\n', lines.Select(line =>
            $"{line.Name.PadRight(width)}  {line.Value.Replace("\n", indent, StringComparison.Ordinal)}"));
    }
}
