using System.CommandLine;
using System.CommandLine.Invocation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary>The whole command line; <c>pretrain</c> is meant where no command is named.</summary>
internal static class CommandLine
{
    private static readonly string[] RootOptions = ["--help", "-h", "-?", "/?", "/h", "--version"];

    public static RootCommand Create()
    {
        var root = new RootCommand(
            "Contrastive pretraining with Feature Transformation. Without a command: pretrain, by default on built-in images. " +
            $"Exit codes: 0 success, {ExitCode.Failure} failure, {ExitCode.Usage} options that cannot be used, " +
            $"{ExitCode.Stopped} stopped by Ctrl-C or SIGTERM.")
        {
            new PretrainCommand().Command,
            new KnnCommand().Command,
            new LinearCommand().Command,
            new ExportCommand().Command,
            new InfoCommand().Command,
        };
        root.Options.Add(Execution.Quiet);
        root.Options.Add(Execution.Verbose);
        return root;
    }

    /// <summary>Parses without running anything.</summary>
    public static ParseResult Parse(IReadOnlyList<string> args)
    {
        bool named = args.Count > 0 && (RootOptions.Contains(args[0]) || !args[0].StartsWith('-'));
        return Create().Parse(named ? args : ["pretrain", .. args]);
    }

    public static int Run(IReadOnlyList<string> args)
    {
        ParseResult parse = Parse(args);
        if (parse.Action is ParseErrorAction)
        {
            Console.Error.WriteLine(parse.CommandResult.Command is RootCommand root
                ? $"'{args[0]}': expected {OptionNames.List([.. root.Subcommands.Select(c => c.Name)])} (--help explains them)."
                : $"{parse.Errors[0].Message} ({parse.CommandResult.Command.Name} --help lists what can be given.)");
            return ExitCode.Usage;
        }

        // Errors and signals are handled by Execution.
        return parse.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }
}

/// <summary>Exit codes of the program.</summary>
internal static class ExitCode
{
    public const int Success = 0, Failure = 1, Usage = 2;

    /// <summary>Stopped by Ctrl-C or SIGTERM after saving; what a shell reports for a program that an interrupt ended.</summary>
    public const int Stopped = 130;
}
