using System.CommandLine;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run; or the memory that a run needs.</summary>
internal sealed class InfoCommand
{
    private readonly PretrainOptionTable table = new();

    private readonly Option<bool> memory = new("--memory")
    {
        Description = "Show instead how much device memory a pretraining with the options given here needs on CUDA; no device is needed.",
    };

    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, CUDA and the default options.") { memory };
        table.AddTo(Command);
        Command.SetAction(parse => Execution.Run(parse, () => Request(parse), (options, _, _) =>
            new(Text(options is null ? Machine() : MemoryReport.Describe(options)))));
    }

    public Command Command { get; }

    // The options of a run where its memory is asked for.
    private PretrainOptions? Request(ParseResult parse)
    {
        if (!parse.GetValue(memory))
        {
            return null;
        }

        PretrainOptions options = table.Apply(parse, new());
        OptionsValidator.Validate(options);
        return options;
    }

    private List<(string Name, string Value)> Machine()
    {
        var lines = new List<(string Name, string Value)>(MachineReport.Describe());
        lines.AddRange(table.DefaultOptions().Select((section, i) => (i == 0 ? "default run" : "", string.Join(' ', section))));
        return lines;
    }

    private static string Text(IReadOnlyList<(string Name, string Value)> lines)
    {
        int width = lines.Max(line => line.Name.Length);
        string indent = '\n' + new string(' ', width + 2);
        return string.Join('\n', lines.Select(line =>
            $"{line.Name.PadRight(width)}  {line.Value.Replace("\n", indent, StringComparison.Ordinal)}"));
    }
}
