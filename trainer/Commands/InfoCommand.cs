using System.CommandLine;
using FeatureTransform.Trainer.Display;
using FeatureTransform.Training;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run; or what a run needs, or kernels execute.</summary>
internal sealed class InfoCommand
{
    private readonly PretrainOptionTable table = new();

    private readonly Option<bool> memory = new("--memory")
    {
        Description = "Show instead how much device memory a pretraining with the options given here needs on CUDA; no device is needed.",
    };

    private readonly Option<bool> kernels = new("--kernels")
    {
        Description = "Show instead what each CUDA kernel executes, counted by the emulator; no device is needed.",
    };

    private readonly Option<bool> json = new("--json") { Description = "With --kernels: as JSON, every counter exact." };

    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, CUDA and the default options.") { memory, kernels, json };
        table.AddTo(Command);
        Command.SetAction(parse => Execution.Run(parse, () => Request(parse), (text, _, _) => new(text())));
    }

    public Command Command { get; }

    private Func<string> Request(ParseResult parse)
    {
        (bool showMemory, bool showKernels, bool asJson) = (parse.GetValue(memory), parse.GetValue(kernels), parse.GetValue(json));
        if (showMemory && showKernels)
        {
            throw new InvalidInputException("--memory and --kernels are two reports: ask for one.");
        }

        if (asJson && !showKernels)
        {
            throw new InvalidInputException("--json goes with --kernels.");
        }

        if (showKernels)
        {
            return () => asJson
                ? KernelTable.Json(KernelSurvey.Run(), KernelSurvey.Sizes)
                : KernelTable.Format(KernelSurvey.Run(), KernelSurvey.Sizes);
        }

        if (!showMemory)
        {
            return () => Text(Machine());
        }

        PretrainOptions options = table.Apply(parse, new());
        OptionsValidator.Validate(options);
        return () => Text(MemoryReport.Describe(options));
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
