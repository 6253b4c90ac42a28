using System.CommandLine;
using FeatureTransform.Trainer.Display;
using FeatureTransform.Training;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>info</c>: what this machine offers, and the options of the default run; or what a run needs, what kernels execute, or whether a device computes rightly.</summary>
internal sealed class InfoCommand
{
    private const string DefaultReport = "selftest.txt";

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

    private readonly Option<bool> selfTest = new("--selftest")
    {
        Description = "Compare instead the kernels of the CUDA device, or of --device emulator, with the CPU.",
    };

    private readonly Option<string> report = new("--report")
    {
        Description = $"With --selftest: the file that its report is written to; {DefaultReport} where none is given.",
        HelpName = "file",
    };

    public InfoCommand()
    {
        Command = new Command("info", "Show runtime, processor, LibTorch, CUDA and the default options.")
        {
            memory, kernels, json, selfTest, report,
        };
        table.AddTo(Command);
        Command.SetAction(parse => Execution.Run(parse, () => Request(parse), (show, _, cancellation) => show(cancellation)));
    }

    public Command Command { get; }

    private Func<CancellationToken, Outcome> Request(ParseResult parse)
    {
        (bool showMemory, bool showKernels, bool test) = (parse.GetValue(memory), parse.GetValue(kernels), parse.GetValue(selfTest));
        if ((showMemory ? 1 : 0) + (showKernels ? 1 : 0) + (test ? 1 : 0) > 1)
        {
            throw new InvalidInputException("--memory, --kernels and --selftest are separate reports: ask for one.");
        }

        bool asJson = parse.GetValue(json);
        if (asJson && !showKernels)
        {
            throw new InvalidInputException("--json goes with --kernels.");
        }

        if (parse.GetValue(report) is not null && !test)
        {
            throw new InvalidInputException("--report goes with --selftest.");
        }

        if (showKernels)
        {
            return _ => new(asJson
                ? KernelTable.Json(KernelSurvey.Run(), KernelSurvey.Sizes)
                : KernelTable.Format(KernelSurvey.Run(), KernelSurvey.Sizes));
        }

        if (!showMemory && !test)
        {
            return _ => new(Text(Machine()));
        }

        PretrainOptions options = table.Apply(parse, new());
        OptionsValidator.Validate(options);
        return test
            ? cancellation => Test(options.Run, parse.GetValue(report) ?? DefaultReport, cancellation)
            : _ => new(Text(MemoryReport.Describe(options)));
    }

    private static Outcome Test(RunOptions options, string path, CancellationToken cancellation)
    {
        (string text, bool passed) = SelfTest.Run(options, cancellation);
        return new($"{text}\n{SelfTest.Save(path, text)}", passed ? ExitCode.Success : ExitCode.Failure);
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
