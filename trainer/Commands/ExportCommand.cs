using System.CommandLine;
using FeatureTransform.Training;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>export</c>: the encoder as a safetensors file for other programs.</summary>
internal sealed class ExportCommand
{
    private const string DefaultName = "encoder.safetensors";

    private readonly Argument<string> source = new("source") { Description = "A run folder or one of its checkpoints." };

    private readonly Argument<string?> destination = new("destination")
    {
        Description = $"File to write. [default: {DefaultName} in the run folder, or in the working folder]",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public ExportCommand()
    {
        Command = new Command("export", "Write the encoder as safetensors with torchvision's parameter names.") { source, destination };
        Command.SetAction(parse => Execution.Run(parse, () => Request(parse), (request, display, _) =>
        {
            EncoderFile.Export(request.Source, request.Destination, display);
            return new($"Wrote {request.Destination}");
        }));
    }

    public Command Command { get; }

    private (string Source, string Destination) Request(ParseResult parse)
    {
        string from = parse.GetRequiredValue(source);
        if (!Path.Exists(from))
        {
            throw new InvalidInputException($"{from} is not there: expected a run folder or one of its checkpoints.");
        }

        return (from, parse.GetValue(destination) ?? (Directory.Exists(from) ? Path.Combine(from, DefaultName) : DefaultName));
    }
}
