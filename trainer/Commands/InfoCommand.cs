using System.CommandLine;
using System.Globalization;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run.</summary>
internal sealed class InfoCommand
{
    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, devices and the default options.");
        Command.SetAction(parse => Execution.Run(parse, () => 0, (_, _, _) => new(Text())));
    }

    public Command Command { get; }

    private static string Text()
    {
        var lines = new List<(string Name, string Value)>(MachineReport.Describe());
        lines.Add(("devices", $"cpu; {string.Join(" and ", OptionNames.PlannedDevices)} are not there yet"));
        var options = new PretrainOptions();
        foreach ((string name, object section) in new (string, object)[]
        {
            ("data", options.Data), ("model", options.Model), ("method", options.Method),
            ("transform", options.Transform), ("optimizer", options.Optimizer), ("run", options.Run),
        })
        {
            IEnumerable<string> values = section.GetType().GetProperties()
                .Select(p => $"{p.Name} {(Convert.ToString(p.GetValue(section), CultureInfo.InvariantCulture) is { Length: > 0 } v ? v : "none")}");
            lines.Add(($"default {name}", string.Join(", ", values)));
        }

        int width = lines.Max(line => line.Name.Length);
        return string.Join('\n', lines.Select(line => $"{line.Name.PadRight(width)}  {line.Value}"));
    }
}
