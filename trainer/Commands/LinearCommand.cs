using System.CommandLine;
using FeatureTransform.Training;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>linear</c>: accuracy of a linear classifier on frozen features, and its confusion matrix.</summary>
internal sealed class LinearCommand
{
    private const string ConfusionName = "confusion.csv", SmallProtocol = "small", ImageNetProtocol = "imagenet";
    private static readonly LinearProbeOptions Defaults = new();
    private readonly EvaluationOptions options = new(knn: false);
    private readonly OptionTable<LinearProbeOptions> table = new(Defaults);

    private readonly Option<string> protocol = new("--protocol")
    {
        Description = "small: on features computed once, standardised, with the best of a few learning rates; imagenet: as MoCo's, on " +
            "new random crops and flips each epoch, with learning rate 30. [default: small]",
        HelpName = "small|imagenet",
        DefaultValueFactory = _ => SmallProtocol,
    };

    private readonly Option<string?> rates = new("--lr")
    {
        Description = "Learning rate, or several with commas of which the best on a held-out part of the training set is used. " +
            $"[default: {string.Join(',', Defaults.LearningRates)}]",
        HelpName = "number,...",
    };

    private readonly Option<string?> confusion = new("--confusion")
    {
        Description = $"CSV file of the confusion matrix, a row a true class. [default: {ConfusionName} in the run folder, if the source is one]",
        HelpName = "file",
    };

    public LinearCommand()
    {
        Command = new Command("linear", "Score a frozen encoder by a linear classifier.");
        options.AddTo(Command);
        table.Add("--epochs", "Epochs over the training features.", o => o.Epochs, (o, v) => o with { Epochs = v });
        table.Add("--batch", "Rows a step.", o => o.BatchSize, (o, v) => o with { BatchSize = v });
        table.AddTo(Command);
        Command.Options.Add(protocol);
        Command.Options.Add(rates);
        Command.Options.Add(confusion);
        Command.SetAction(parse => Execution.Run(parse, () => (options.Request(parse), Linear(parse)), (request, display, stop) =>
        {
            (LinearProbeResult result, IReadOnlyList<string> classes) =
                Evaluator.Linear(request.Item1, request.Item2, display, stop);
            string? file = parse.GetValue(confusion) ??
                (Directory.Exists(request.Item1.Source) ? Path.Combine(request.Item1.Source, ConfusionName) : null);
            string text = FormattableString.Invariant(
                $"linear top-1 {result.Top1:F2} %, top-5 {result.Top5:F2} % ({classes.Count} classes, lr {result.LearningRate})");
            if (file is not null)
            {
                WriteConfusion(file, result.Confusion, classes);
                text += $"\nconfusion matrix: {file}";
            }

            return new(text);
        }));
    }

    public Command Command { get; }

    private LinearProbeOptions Linear(ParseResult parse)
    {
        string name = parse.GetRequiredValue(protocol);
        LinearProbeOptions linear = table.Apply(parse, name switch
        {
            SmallProtocol => Defaults,
            ImageNetProtocol => LinearProbeOptions.ImageNet,
            _ => throw new InvalidInputException($"--protocol '{name}': expected {SmallProtocol} or {ImageNetProtocol}."),
        });
        if (parse.GetValue(rates) is { } list)
        {
            linear = linear with { LearningRates = [.. list.Split(',').Select(Rate)] };
        }

        OptionsValidator.Validate(linear);
        return linear;
    }

    private static float Rate(string text) =>
        float.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out float rate)
            ? rate
            : throw new InvalidInputException($"--lr '{text}': expected a number, or numbers with commas.");

    private static void WriteConfusion(string file, ConfusionMatrix confusion, IReadOnlyList<string> classes)
    {
        // Written beside and renamed, so that a full disk leaves no half file.
        string temporary = file + ".tmp";
        try
        {
            using (var writer = new StreamWriter(temporary))
            {
                confusion.WriteCsv(writer, classes);
            }

            File.Move(temporary, file, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            File.Delete(temporary);
            throw new InvalidInputException($"--confusion {file} cannot be written ({error.Message}): choose another file.", error);
        }
    }
}
