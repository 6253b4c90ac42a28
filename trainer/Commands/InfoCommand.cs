using System.CommandLine;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run.</summary>
internal sealed class InfoCommand
{
    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, CUDA and the default options.");
        Command.SetAction(parse => Execution.Run(parse, () => 0, (_, _, _) => new(Text())));
    }

    public Command Command { get; }

    private static string Text()
    {
        var lines = new List<(string Name, string Value)>(MachineReport.Describe());
        lines.AddRange(new PretrainOptionTable().DefaultOptions()
            .Select((section, i) => (i == 0 ? "default run" : "", string.Join(' ', section))));
        int width = lines.Max(line => line.Name.Length);
        string indent = '\n' + new string(' ', width + 2);
        return string.Join('\n', lines.Select(line =>
            $"{line.Name.PadRight(width)}  {line.Value.Replace("\n", indent, StringComparison.Ordinal)}"));
    }
}
