using System.CommandLine;
using System.Globalization;
using System.Text;
using FeatureTransform.Training;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>pretrain</c>: options to <see cref="PretrainRequest"/>, and the result in a few lines.</summary>
internal sealed class PretrainCommand
{
    private readonly PretrainOptionTable table = new();

    private readonly Option<string?> output = new("--out")
    {
        Description = "Run folder. [default: runs/<date>-<method>-<data>]",
        HelpName = "folder",
    };

    private readonly Option<string?> resume = new("--resume")
    {
        Description = "Continue the run in this folder, with the options in its config.json.",
        HelpName = "run",
    };

    private readonly Option<string?> config = new("--config")
    {
        Description = "Start from the options in this file, as config.json holds them; options given here come before it.",
        HelpName = "run.json",
    };

    private readonly Option<int> dumpSteps = new("--dump-steps")
    {
        Description = "Write everything that repeating the first N steps needs to the file of --dump. [default: 0]",
        HelpName = "N",
        CustomParser = OptionParsing.Value<int>,
    };

    private readonly Option<string?> dumpFile = new("--dump")
    {
        Description = "Safetensors file of --dump-steps. [default: none]",
        HelpName = "file",
    };

    private readonly Option<bool> noLinear = new("--no-linear") { Description = "Leave out the linear probe at the end." };

    public PretrainCommand()
    {
        Command = new Command("pretrain", "Pretrain an encoder; the default command.") { output, resume, config };
        table.AddTo(Command);
        Command.Options.Add(noLinear);
        Command.Options.Add(dumpSteps);
        Command.Options.Add(dumpFile);
        Command.SetAction(parse => Execution.Run(
            parse,
            () => Request(parse),
            (request, display, stop) => Finish(request, Pretrainer.Run(request, display, stop), parse.GetValue(Execution.Quiet))));
    }

    public Command Command { get; }

    /// <summary>The checked request that a command line asks for.</summary>
    /// <exception cref="InvalidInputException">Options are out of range or contradict each other.</exception>
    public PretrainRequest Request(ParseResult parse)
    {
        string? run = parse.GetValue(resume), file = parse.GetValue(config);
        if (run is not null && (file ?? parse.GetValue(output)) is not null)
        {
            throw new InvalidInputException(
                "--resume continues a run in its own folder with its own config.json: leave out --out and --config.");
        }

        int steps = parse.GetValue(dumpSteps);
        string? dump = parse.GetValue(dumpFile);
        if (steps < 0 || steps > 0 != dump is not null)
        {
            throw new InvalidInputException(
                "--dump-steps and --dump belong together: expected a number of steps above 0 and the file to write them to.");
        }

        file ??= run is null ? null : Path.Combine(run, RunConfig.FileName);
        PretrainOptions options = table.Apply(parse, file is null ? new() : RunConfig.Read(file));
        OptionsValidator.Validate(options);
        return new PretrainRequest(options, run ?? parse.GetValue(output), Resume: run is not null)
        {
            DumpSteps = steps,
            DumpFile = dump,
            LinearProbe = !parse.GetValue(noLinear),
            ReportKernels = parse.GetValue(Execution.Verbose),
        };
    }

    /// <summary>What a person reads at the end.</summary>
    public static Outcome Finish(PretrainRequest request, PretrainResult result, bool quiet)
    {
        if (!result.Finished)
        {
            return new(
                request.Options.Run.KeepCheckpoints == 0
                    ? $"Stopped after {result.Steps} steps; --keep-checkpoints 0 left no checkpoint to resume from."
                    : $"Stopped after {result.Steps} steps; a checkpoint is saved. To go on: " +
                      $"dotnet run -c Release --project trainer -- --resume {Quoted(result.Folder)}",
                ExitCode.Stopped);
        }

        if (quiet)
        {
            return new(null);
        }

        var text = new StringBuilder();
        CultureInfo culture = CultureInfo.InvariantCulture;
        text.AppendLine(
            culture, $"Finished {result.Steps} steps in {Display.Format.Duration(result.Seconds)}, {result.PairsPerSecond:F0} pairs/s.");
        if (result.KnnTop1 is { } knn)
        {
            string[] others = [.. Percent("raw pixels", result.KnnTop1Pixels), .. Percent("untrained encoder", result.KnnTop1Untrained)];
            text.AppendLine(culture, $"k-NN top-1    {knn:F1} %{(others.Length > 0 ? $"  ({string.Join(", ", others)})" : "")}");
        }

        if (result.LinearTop1 is { } linear)
        {
            text.AppendLine(culture, $"linear top-1  {linear:F1} %");
        }

        if (result.TransformNote.Length > 0)
        {
            text.AppendLine(result.TransformNote);
        }

        return new(text.Append(culture, $"Run folder: {result.Folder}").ToString());
    }

    private static string[] Percent(string what, double? value) =>
        value is { } percent ? [string.Create(CultureInfo.InvariantCulture, $"{what} {percent:F1} %")] : [];

    private static string Quoted(string path) => path.Contains(' ') ? $"\"{path}\"" : path;
}
